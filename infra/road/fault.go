package road

import "context"

// Fault is a call of a function that fails, as the control API takes it. The cloud must have been started with --faults.
type Fault struct {
	ID       string `json:"id,omitempty"`
	Function string `json:"function"`
	Service  string `json:"service"` // dynamodb, s3, sqs, kms, ssm, smtp, imap, institute
	Action   string `json:"action"`
	Match    string `json:"match,omitempty"` // regular expression on body, or on path and query
	Nth      int    `json:"nth,omitempty"`
	When     string `json:"when"`   // before, after
	Effect   string `json:"effect"` // kill, error, drop
	Times    int    `json:"times,omitempty"`
}

// Arm makes a fault ready and returns its id.
func (c *Cloud) Arm(ctx context.Context, f Fault) (string, error) {
	var armed struct{ ID string }
	err := c.Controls().Post(ctx, "/faults", f, &armed)
	return armed.ID, err
}

// Hits tells how often each fault has struck.
func (c *Cloud) Hits(ctx context.Context) (map[string]int, error) {
	var list struct {
		Items []struct {
			ID   string
			Hits int
		}
	}
	hits := map[string]int{}
	err := c.Controls().Get(ctx, "/faults", &list)
	for _, f := range list.Items {
		hits[f.ID] = f.Hits
	}
	return hits, err
}

// Heal disarms all faults.
func (c *Cloud) Heal(ctx context.Context) error {
	return c.Controls().Call(ctx, "DELETE", "/faults", nil, nil, nil)
}

// Queue counts the messages of a queue.
type Queue struct {
	ID                         string
	Visible, InFlight, Delayed int
}

// Queues counts what is in the queues.
func (c *Cloud) Queues(ctx context.Context) ([]Queue, error) {
	var list struct{ Items []Queue }
	err := c.Controls().Get(ctx, "/queues", &list)
	return list.Items, err
}

// Wipe empties all queues, as a restart of the emulator would.
func (c *Cloud) Wipe(ctx context.Context) error {
	return c.Controls().Post(ctx, "/queues/wipe", map[string]any{}, nil)
}
