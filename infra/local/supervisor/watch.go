package supervisor

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"sportello/infra/local/emulator"
	"sportello/infra/local/guard"
	"sportello/infra/local/policy"
)

// watch makes the guard, and says where the emulators are behind it.
func (s *Supervisor) watch() error {
	var err error
	if s.ledger, err = guard.OpenLedger(s.config.Grants, s.cloud); err != nil {
		return err
	}
	s.guard = guard.New(guard.Config{
		Cloud: s.cloud, Region: region, Account: account, Administrator: emulator.AccessKey, Ledger: s.ledger, Log: s.log,
	})
	s.sayUntried()
	s.sayUnenforced()
	behind, err := s.config.Ports.behind()
	if err != nil {
		return err
	}
	s.storage = emulator.Config{
		Modules: filepath.Join(s.config.Root, "infra", "local", "npm"), Gateway: filepath.Join(s.config.Bin, "versitygw"),
		Data: filepath.Join(s.config.Data, "data"), ClockFile: s.clock.Path(), Region: region,
		DynamoDB: s.config.Ports.DynamoDB, S3: s.config.Ports.S3, SQS: s.config.Ports.SQS, Behind: behind,
		ExternalDynamoDB: s.config.DynamoDBEndpoint, Output: s.console.Quiet,
	}
	for _, f := range s.cloud.Functions {
		s.storage.AccessKeys = append(s.storage.AccessKeys, guard.AccessKey(f.ID))
	}
	return nil
}

// sayUntried names the policies whose demand for TLS cannot be held to here.
func (s *Supervisor) sayUntried() {
	var names []string
	for _, p := range s.cloud.Policies {
		if slices.ContainsFunc(p.Statements, func(one policy.Statement) bool { return len(one.Values("aws:securetransport")) > 0 }) {
			names = append(names, p.ID)
		}
	}
	if names = slices.Compact(names); len(names) > 0 {
		s.log.Info("the local cloud has no TLS: what policies demand of it is taken as met", "policies", names)
	}
}

// sayUnenforced names, in one line, what the template asks for and only the
// cloud does: nothing is left out in silence.
func (s *Supervisor) sayUnenforced() {
	if names := s.cloud.Unenforced; len(names) > 0 {
		s.log.Info("read in the template and not enforced here", "names", strings.Join(names, " "))
	}
}

// Unused prints the grants of the template that the runs which shared a file
// (--grants) did not use.
func Unused(c Config, w io.Writer) error {
	s := &Supervisor{config: c, addresses: c.addresses()}
	// What grants say does not hang on secrets.
	cloud, err := s.resolve(func(string) (string, bool) { return "", true })
	if err != nil {
		return err
	}
	ledger, err := guard.OpenLedger(c.Grants, cloud)
	if err != nil {
		return err
	}
	defer ledger.Close()
	for _, name := range ledger.Unused() {
		_, _ = fmt.Fprintln(w, name)
	}
	return nil
}
