package supervisor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"sportello/infra/local/process"
)

// seedKeys gives each chamber an API key, at the first start: a random value,
// known to API Gateway under the chamber's usage plan, written where the
// outside world's case systems find it, and entered in the product's own key
// table by the operator's tool. Every step can be repeated: a start that was
// interrupted is completed by the next.
func (s *Supervisor) seedKeys(ctx context.Context) error {
	file := filepath.Join(s.outsideFolder(), "keys.json")
	keys := map[string]string{}
	if err := readJSON(file, &keys); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	before := maps.Clone(keys)
	for _, plan := range s.cloud.Plans {
		chamber := strings.TrimPrefix(plan.Name, "sportello-"+stage+"-")
		if keys[chamber] == "" {
			keys[chamber] = rand.Text() + rand.Text()
		}
		if err := s.services.Gateway.Seed(chamber, keys[chamber], plan); err != nil {
			return fmt.Errorf("making the API key of %s: %w", chamber, err)
		}
	}
	if !maps.Equal(before, keys) {
		if err := writeJSON(file, keys); err != nil {
			return fmt.Errorf("writing the API keys: %w", err)
		}
	}
	return s.operate(ctx, file)
}

// operate runs the operator's tool, once for each set of keys.
func (s *Supervisor) operate(ctx context.Context, keys string) error {
	tool := filepath.Join(s.config.Bin, "operator")
	if _, err := os.Stat(tool); err != nil {
		s.log.WarnContext(ctx, "the operator's tool is not built: the product does not know the chambers' API keys")
		return nil
	}
	done := filepath.Join(s.config.Data, "seeded")
	stamp, err := fingerprint(keys, tool)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(done); err == nil && string(have) == stamp {
		return nil
	}
	environment, err := s.toolEnvironment()
	if err != nil {
		return err
	}
	err = process.Run(ctx, process.Config{
		Name: "operator seed", Path: tool, Args: []string{"seed", "--keys", keys},
		Env: environment, Output: s.console.Speaker("operator"),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(done, []byte(stamp), 0o600)
}

// toolEnvironment is a function's environment, for tools that do what a
// function would.
func (s *Supervisor) toolEnvironment() ([]string, error) {
	for _, f := range s.cloud.Functions {
		values := map[string]string{}
		maps.Copy(values, f.Environment)
		maps.Copy(values, s.lines.straight().environment())
		return append(process.Environment(), toolVariables(values, s.clock.Path())...), nil
	}
	return nil, errors.New("the template has no functions")
}
