package supervisor

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Config is what a start is told.
type Config struct {
	// Root is the repository, with template.yaml.
	Root string
	// Data is where all state is; Bin where the binaries are.
	Data, Bin string
	Ports     Ports
	// FreePorts takes free ports and prints the READY line.
	FreePorts bool
	// Faults puts a proxy between each function and what it calls.
	Faults bool
	// DynamoDBEndpoint, if set, is used instead of the emulator.
	DynamoDBEndpoint string
	// LogLevel is the functions' LOG_LEVEL.
	LogLevel string
	// Plain turns colours off.
	Plain bool
	// Grants is the file of the grants that were used.
	Grants string
}

// Flags defines the flags of a start on set. Each has an environment variable
// as its twin; the flag wins. After parsing, call the function returned.
func (c *Config) Flags(set *flag.FlagSet, getenv func(string) string) func() error {
	var problems []error
	text := func(p *string, name, variable, value, usage string) {
		if v := getenv(variable); v != "" {
			value = v
		}
		set.StringVar(p, name, value, usage+" ("+variable+")")
	}
	text(&c.Root, "root", "SPORTELLO_ROOT", "", "repository; found by itself from the working directory")
	text(&c.Data, "data", "DATA", "", "folder of all state; default .local in the repository")
	text(&c.Bin, "bin", "BIN", "", "folder of the binaries; default .local/bin in the repository")
	text(&c.DynamoDBEndpoint, "dynamodb-endpoint", "DYNAMODB_ENDPOINT", "", "a DynamoDB to use instead of the emulator")
	text(&c.Grants, "grants", "GRANTS", "", "file of the grants that functions used; several runs may share it; default grants in the data folder")
	text(&c.LogLevel, "log-level", "LOG_LEVEL", "INFO", "log level of the functions")
	set.BoolVar(&c.FreePorts, "free-ports", getenv("FREE_PORTS") != "", "take free ports and print READY {addresses} on stdout (FREE_PORTS)")
	set.BoolVar(&c.Faults, "faults", getenv("FAULTS") != "", "let the control API make functions' calls fail (FAULTS)")
	set.BoolVar(&c.Plain, "plain", getenv("NO_COLOR") != "", "no colours in the log (NO_COLOR)")
	c.Ports = DefaultPorts()
	for _, p := range c.Ports.list() {
		if v := getenv(p.Environment); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil {
				problems = append(problems, fmt.Errorf("%s: %q non è una porta", p.Environment, v))
			}
			*p.Value = n
		}
		set.IntVar(p.Value, p.Flag, *p.Value, "port: "+p.Title+" ("+p.Environment+")")
	}
	return func() error { return errors.Join(append(problems, c.complete())...) }
}

func (c *Config) complete() error {
	if c.Root == "" {
		found, err := findRoot()
		if err != nil {
			return err
		}
		c.Root = found
	}
	var problems []error
	absolute := func(p *string, otherwise string) {
		if *p == "" {
			*p = otherwise
		}
		made, err := filepath.Abs(*p)
		problems = append(problems, err)
		*p = made
	}
	absolute(&c.Root, "")
	absolute(&c.Data, filepath.Join(c.Root, ".local"))
	absolute(&c.Bin, filepath.Join(c.Root, ".local", "bin"))
	absolute(&c.Grants, filepath.Join(c.Data, "grants"))
	return errors.Join(problems...)
}

// findRoot looks for the template upwards from the working directory.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "template.yaml")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("template.yaml non trovato in questa cartella né sopra: usare --root")
		}
		dir = parent
	}
}

// Addresses are where everything answers.
type Addresses struct {
	Portal   string `json:"portal"`
	Outside  string `json:"outside"`
	SMTP     string `json:"smtp"`
	IMAP     string `json:"imap"`
	DynamoDB string `json:"dynamodb"`
	S3       string `json:"s3"`
	SQS      string `json:"sqs"`
	AWS      string `json:"aws"`
	Control  string `json:"control"`
	// Data is the folder of all state.
	Data string `json:"data"`
}

func (c Config) addresses() Addresses {
	at := func(port int) string { return "http://" + loopback(port) }
	return Addresses{
		Portal: "http://localhost:" + strconv.Itoa(c.Ports.Portal), Outside: "http://localhost:" + strconv.Itoa(c.Ports.Outside),
		SMTP: loopback(c.Ports.SMTP), IMAP: loopback(c.Ports.IMAP),
		DynamoDB: at(c.Ports.DynamoDB), S3: at(c.Ports.S3), SQS: at(c.Ports.SQS), AWS: at(c.Ports.AWS), Control: at(c.Ports.Control),
		Data: c.Data,
	}
}
