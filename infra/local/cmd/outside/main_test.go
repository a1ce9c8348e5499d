package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// child makes the test binary run as the program itself.
const child = "OUTSIDE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is the program running as it does in real life.
type process struct {
	t                *testing.T
	cmd              *exec.Cmd
	http, smtp, imap string
	data             string
}

func launch(t *testing.T, data string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "--data", data, "--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--imap", "127.0.0.1:0", "--pace", "1ms")
	cmd.Env = append(os.Environ(), child+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, data: data}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("waiting for READY: %v", err)
	}
	text, ok := strings.CutPrefix(line, "READY ")
	var addresses map[string]string
	if !ok || json.Unmarshal([]byte(text), &addresses) != nil {
		t.Fatalf("first line %q", line)
	}
	p.http, p.smtp, p.imap = addresses["http"], addresses["smtp"], addresses["imap"]
	return p
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

const (
	sender    = "protocollo@milano.pec.example.it"
	recipient = "officine.rinaldi@pec.example.it"
)

// send submits one message; nil means that the server said 250.
func (p *process) send(id string) error {
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(p.data, "ca.pem"))
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("reading ca.pem: %w", err)
	}
	accounts := map[string]struct{ User, Password string }{}
	raw, err := os.ReadFile(filepath.Join(p.data, "mailboxes.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &accounts); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(p.smtp)
	c, err := smtp.Dial(p.smtp)
	if err != nil {
		return err
	}
	defer c.Close()
	a := accounts[sender]
	err = errors.Join(c.StartTLS(&tls.Config{RootCAs: pool, ServerName: "localhost"}), c.Auth(smtp.PlainAuth("", a.User, a.Password, host)),
		c.Mail(sender), c.Rcpt(recipient))
	if err != nil {
		return err
	}
	d, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(d, "From: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s@example.it>\r\n\r\nTesto\r\n", sender, recipient, id, id); err != nil {
		return err
	}
	return d.Close()
}

type message struct {
	MessageID string `json:"messageId"`
	Pending   bool   `json:"pending"`
	Receipts  []struct {
		Kind string `json:"kind"`
		UID  uint32 `json:"uid"`
	} `json:"receipts"`
}

func (p *process) get(path string, out any) {
	p.t.Helper()
	resp, err := http.Get(p.http + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		p.t.Fatal(err)
	}
}

// TestKilledWhileItWorks kills the program again and again while messages come in. Every message it
// acknowledged must be there afterwards, and every message must get its two receipts once.
func TestKilledWhileItWorks(t *testing.T) {
	data := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 4 {
		p := launch(t, data)
		deadline := time.AfterFunc(time.Duration(20+35*round)*time.Millisecond, func() { _ = p.cmd.Process.Kill() })
		for i := 0; ; i++ {
			id := fmt.Sprintf("r%d.m%d", round, i)
			if p.send(id) != nil {
				break
			}
			acknowledged["<"+id+"@example.it>"] = true
		}
		deadline.Stop()
		p.kill()
	}
	p := launch(t, data)
	var list []message
	for settled, limit := false, time.Now().Add(20*time.Second); !settled; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the receipts never came")
		}
		p.get("/control/pec", &list)
		settled = true
		for _, m := range list {
			settled = settled && !m.Pending
		}
	}
	present, uids := map[string]bool{}, map[uint32]bool{}
	for _, m := range list {
		present[m.MessageID] = true
		if len(m.Receipts) != 2 || m.Receipts[0].Kind != "accettazione" || m.Receipts[1].Kind != "avvenuta-consegna" {
			t.Errorf("%s: receipts %+v", m.MessageID, m.Receipts)
		}
		for _, r := range m.Receipts {
			if uids[r.UID] {
				t.Errorf("%s: receipt %d belongs to two messages", m.MessageID, r.UID)
			}
			uids[r.UID] = true
		}
	}
	for id := range acknowledged {
		if !present[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	var boxes []struct {
		Address  string
		Messages int
	}
	p.get("/control/mailboxes", &boxes)
	for _, b := range boxes {
		if want := map[string]int{sender: 2 * len(list), recipient: len(list)}[b.Address]; b.Messages != want {
			t.Errorf("%s has %d messages, want %d", b.Address, b.Messages, want)
		}
	}
	t.Logf("%d acknowledged, %d taken in charge", len(acknowledged), len(list))
}

func TestPersonas(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), []string{"--personas"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Persons []struct {
			TaxCode string `json:"taxCode"`
		} `json:"persons"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got.Persons) != 6 {
		t.Errorf("%d personas, %v", len(got.Persons), err)
	}
}

func TestBusyAddressIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = run(context.Background(), []string{"--data", t.TempDir(), "--http", "127.0.0.1:0", "--smtp", l.Addr().String()}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "SMTP") {
		t.Errorf("busy address: %v", err)
	}
}
