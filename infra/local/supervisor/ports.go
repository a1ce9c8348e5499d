package supervisor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"syscall"
)

// Ports are the loopback ports of everything that listens.
type Ports struct {
	Portal, Outside, SMTP, IMAP, DynamoDB, S3, SQS, AWS, Control int
}

// DefaultPorts are the ports of an ordinary start.
func DefaultPorts() Ports {
	return Ports{Portal: 8080, Outside: 8090, SMTP: 8025, IMAP: 8143, DynamoDB: 8101, S3: 8102, SQS: 8103, AWS: 8104, Control: 8105}
}

// port is one port with the names it is set by.
type port struct {
	// Flag and Environment move it; Title is what a person calls it.
	Flag, Environment, Title string
	Value                    *int
}

// list gives every port with its names.
func (p *Ports) list() []port {
	return []port{
		{"portal-port", "PORTAL_PORT", "portale", &p.Portal},
		{"outside-port", "OUTSIDE_PORT", "mondo esterno", &p.Outside},
		{"smtp-port", "SMTP_PORT", "posta certificata, SMTP", &p.SMTP},
		{"imap-port", "IMAP_PORT", "posta certificata, IMAP", &p.IMAP},
		{"dynamodb-port", "DYNAMODB_PORT", "DynamoDB", &p.DynamoDB},
		{"s3-port", "S3_PORT", "S3", &p.S3},
		{"sqs-port", "SQS_PORT", "SQS", &p.SQS},
		{"aws-port", "AWS_PORT", "KMS, SSM e API Gateway", &p.AWS},
		{"control-port", "CONTROL_PORT", "controllo", &p.Control},
	}
}

// free takes free ports. They are all held until the last is found, so that no
// two are the same; another program may still take one before we use it, which
// is then reported as any busy port is.
func (p *Ports) free() error {
	list := p.list()
	ports, err := freePorts(len(list), nil)
	if err != nil {
		return err
	}
	for i, one := range list {
		*one.Value = ports[i]
	}
	return nil
}

// Free ports are looked for below those that systems give to connections they
// open: one of these, made between our look and the program's start, would take
// its port away.
const lowest, highest = 16384, 32768

// freePorts finds n ports that are free, and none of the others.
func freePorts(n int, others []int) ([]int, error) {
	var out []int
	for range 100 * n {
		port := lowest + rand.IntN(highest-lowest)
		if slices.Contains(others, port) {
			continue
		}
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		defer l.Close()
		if out = append(out, port); len(out) == n {
			return out, nil
		}
	}
	return nil, errors.New("finding free ports: there are too few")
}

// behind are the ports of the emulators themselves, which nobody need know: on
// those that are known the guard listens.
func (p *Ports) behind() (map[int]int, error) {
	var others []int
	for _, one := range p.list() {
		others = append(others, *one.Value)
	}
	free, err := freePorts(3, others)
	if err != nil {
		return nil, err
	}
	return map[int]int{p.DynamoDB: free[0], p.S3: free[1], p.SQS: free[2]}, nil
}

// check reports every port that is taken, with the way to move it.
func (p *Ports) check() error {
	var problems []error
	seen := map[int]string{}
	for _, one := range p.list() {
		if other, twice := seen[*one.Value]; twice {
			problems = append(problems, fmt.Errorf("la porta %d è assegnata due volte: %s e %s", *one.Value, other, one.Title))
		}
		seen[*one.Value] = one.Title
		l, err := net.Listen("tcp", loopback(*one.Value))
		if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			problems = append(problems, fmt.Errorf("la porta %d (%s) non si può usare: %w; si sposta con --%s o %s", *one.Value, one.Title, err, one.Flag, one.Environment))
			continue
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("la porta %d (%s) è occupata: chiudere il programma che la usa, oppure spostarla con --%s o %s", *one.Value, one.Title, one.Flag, one.Environment))
			continue
		}
		_ = l.Close()
	}
	return errors.Join(problems...)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
