package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"sportello/infra/local/process"
)

// seed has the operator's tool make each chamber's API key, known to API
// Gateway and to the product and written where the outside world's case systems
// find it, and enter the personas who work in an office. Keys that still open
// their chamber are kept, so it is run at every start; officers are entered at
// the first only, since who works where is the chambers' own business from
// then on.
func (s *Supervisor) seed(ctx context.Context) error {
	tool := filepath.Join(s.config.Bin, "operator")
	if _, err := os.Stat(tool); err != nil {
		s.log.WarnContext(ctx, "the operator's tool is not built: no API keys and no officers")
		return nil
	}
	done := filepath.Join(s.config.Data, "seeded")
	args := []string{"seed", "--keys", filepath.Join(s.outsideFolder(), "keys.json")}
	if _, err := os.Stat(done); errors.Is(err, os.ErrNotExist) {
		for _, p := range s.people() {
			if p.Office != "" {
				args = append(args, "--officer", fmt.Sprintf("%s:%s:%s %s", p.Office, p.TaxCode, p.GivenName, p.FamilyName))
			}
		}
	}
	environment, err := s.toolEnvironment()
	if err != nil {
		return err
	}
	err = process.Run(ctx, process.Config{
		Name: "operator seed", Path: tool, Args: args, Env: environment, Output: s.console.Speaker("operator"),
	})
	if err != nil {
		return err
	}
	// A crash before this line enters the officers once more, as they are.
	return os.WriteFile(done, nil, 0o600)
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
