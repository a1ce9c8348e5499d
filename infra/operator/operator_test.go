package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/problem"
	"sportello/shared/flow/access"
	"sportello/shared/flow/officers"
	"sportello/shared/platform/table"
)

// newInstallation returns an installation in memory with an API Gateway that knows what it was told.
func newInstallation(t *testing.T) (*installation, *fakeGateway) {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }
	keyring, err := officers.NewKeyring(table.NewMemory(), now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ids := 0
	roster, err := officers.NewRoster(table.NewMemory(), now, func() string { ids++; return fmt.Sprint("id-", ids) }, officesOf)
	if err != nil {
		t.Fatal(err)
	}
	fake := &fakeGateway{keys: map[string]fakeKey{}, plans: map[string]string{}}
	for n, c := range catalogue.Chambers() {
		fake.plans[fmt.Sprint("plan", n)] = "sportello-test-" + c.ID
	}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	config := aws.Config{
		Region: "eu-south-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""),
		RetryMaxAttempts: 1,
	}
	return &installation{stage: "test", now: now, keyring: keyring, roster: roster, gateway: newGateway(config, "test")}, fake
}

// fakeGateway is the part of API Gateway that the operator asks. With broken set it refuses to attach keys.
type fakeGateway struct {
	keys   map[string]fakeKey
	plans  map[string]string // id -> name
	made   int
	broken bool
}

type fakeKey struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Value   string `json:"value,omitempty"`
	Enabled bool   `json:"enabled"`
	plan    string
}

func (g *fakeGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodGet && parts[0] == "usageplans":
		items := []map[string]string{}
		for id, name := range g.plans {
			items = append(items, map[string]string{"id": id, "name": name})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"item": items})
	case r.Method == http.MethodPost && parts[0] == "apikeys":
		var k fakeKey
		_ = json.NewDecoder(r.Body).Decode(&k)
		g.made++
		k.ID = fmt.Sprint("key", g.made)
		g.keys[k.ID] = k
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(k)
	case r.Method == http.MethodGet && parts[0] == "apikeys":
		items := []fakeKey{}
		for _, k := range g.keys {
			if strings.HasPrefix(k.Name, r.URL.Query().Get("name")) {
				items = append(items, k)
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"item": items})
	case r.Method == http.MethodDelete && parts[0] == "apikeys":
		delete(g.keys, parts[1])
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPost && len(parts) == 3 && parts[2] == "keys" && !g.broken:
		var in struct{ KeyID, KeyType string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		k, ok := g.keys[in.KeyID]
		if !ok || k.plan != "" {
			w.Header().Set("X-Amzn-Errortype", "ConflictException")
			w.WriteHeader(http.StatusConflict)
			return
		}
		k.plan = parts[1]
		g.keys[in.KeyID] = k
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, "{}")
	default:
		w.Header().Set("X-Amzn-Errortype", "BadRequestException")
		w.WriteHeader(http.StatusBadRequest)
	}
}

func key(chamber, name string) officers.NewKey {
	return officers.NewKey{Chamber: chamber, Name: name, Rights: officers.Rights(), Life: 30 * day}
}

func TestKeyIsKnownOnBothSides(t *testing.T) {
	ctx := context.Background()
	i, g := newInstallation(t)
	secret, _, err := i.makeKey(ctx, key("milano", "gestionale"))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := i.keyring.Opens(ctx, "milano", secret); !ok || err != nil {
		t.Errorf("opens %v, %v", ok, err)
	}
	k := g.keys["key1"]
	if len(g.keys) != 1 || k.Value != secret || !k.Enabled || g.plans[k.plan] != "sportello-test-milano" || k.Name != "sportello-test-milano-gestionale" {
		t.Errorf("in API Gateway: %+v", g.keys)
	}
	// Admitting again changes nothing; a namesake that a crash left goes.
	g.keys["old"] = fakeKey{ID: "old", Name: k.Name, Value: "another", Enabled: true}
	g.keys["other"] = fakeKey{ID: "other", Name: k.Name + "-2", Value: "other", Enabled: true}
	if err := i.admit(ctx, "milano", "gestionale", secret); err != nil {
		t.Fatal(err)
	}
	if _, kept := g.keys["old"]; kept || len(g.keys) != 2 || g.made != 1 {
		t.Errorf("in API Gateway: %+v", g.keys)
	}
	if err := i.gateway.forget(ctx, "milano", "gestionale"); err != nil || len(g.keys) != 1 {
		t.Errorf("forget: %v, %+v", err, g.keys)
	}
}

// A key that API Gateway did not take opens nothing, and its name is free again.
func TestKeyThatGatewayRefused(t *testing.T) {
	ctx := context.Background()
	i, g := newInstallation(t)
	g.broken = true
	if secret, _, err := i.makeKey(ctx, key("milano", "gestionale")); err == nil || secret != "" {
		t.Fatalf("secret of %d characters, error %v", len(secret), err)
	}
	keys, err := i.keyring.Keys(ctx, "milano")
	if err != nil || len(keys) != 1 || state(keys[0], i.now()) != "revocata" {
		t.Errorf("keys %+v, %v", keys, err)
	}
	g.broken = false
	secret, _, err := i.makeKey(ctx, key("milano", "gestionale"))
	if err != nil || len(g.keys) != 1 || g.keys["key2"].Value != secret {
		t.Errorf("%v, in API Gateway: %d keys", err, len(g.keys))
	}
}

func TestSeed(t *testing.T) {
	ctx := context.Background()
	i, g := newInstallation(t)
	keys := map[string]string{"milano": "what is this"}
	if err := i.seedKey(ctx, "milano", keys); err != nil {
		t.Fatal(err)
	}
	first := keys["milano"]
	if err := i.seedKey(ctx, "milano", keys); err != nil || keys["milano"] != first {
		t.Errorf("a good key was replaced (%v)", err)
	}
	// API Gateway forgot: it is told again. The file was lost: a new key takes the place of the old.
	clear(g.keys)
	if err := i.seedKey(ctx, "milano", keys); err != nil || keys["milano"] != first || len(g.keys) != 1 {
		t.Errorf("%v, in API Gateway: %d keys", err, len(g.keys))
	}
	clear(keys)
	if err := i.seedKey(ctx, "milano", keys); err != nil || keys["milano"] == first || len(g.keys) != 1 {
		t.Errorf("%v, in API Gateway: %d keys", err, len(g.keys))
	}
	if ok, _ := i.keyring.Opens(ctx, "milano", first); ok {
		t.Error("the lost key still opens")
	}
	// A key of another chamber is none of this one's.
	stolen := map[string]string{"bergamo": keys["milano"]}
	if err := i.seedKey(ctx, "bergamo", stolen); err != nil || stolen["bergamo"] == keys["milano"] {
		t.Errorf("another chamber's key was kept (%v)", err)
	}
}

// A chamber's first officer is made with the runbook's command, without rights, and must be able to add the others.
func TestFirstOfficerManages(t *testing.T) {
	const first, second = "RSSMRA80A01H501U", "CLMNNA74P48F205H"
	ctx := context.Background()
	i, _ := newInstallation(t)
	o := &options{messages: &bytes.Buffer{}}
	list := func() map[string][]access.Right {
		t.Helper()
		all, err := i.roster.List(ctx, access.Officer{Chamber: "milano", Rights: officers.Rights()})
		if err != nil {
			t.Fatal(err)
		}
		rights := map[string][]access.Right{}
		for _, officer := range all {
			rights[officer.TaxCode] = officer.Rights
		}
		return rights
	}
	appoint := func(taxCode string, rights ...access.Right) {
		t.Helper()
		if err := i.appoint(ctx, o, "milano", officers.Details{TaxCode: taxCode, Name: "Mario Rossi", Rights: rights}); err != nil {
			t.Fatal(err)
		}
	}
	manages := func(taxCode string) bool { return slices.Contains(list()[taxCode], access.Manage) }

	appoint(first, access.Work) // as the command once did: nobody can add anybody
	appoint(first)
	if !manages(first) {
		t.Fatalf("the first officer may only %v", list()[first])
	}
	by := access.Officer{Chamber: "milano", TaxCode: first, Rights: list()[first]}
	if _, err := i.roster.Add(ctx, by, officers.Details{TaxCode: "GRCPLA82E17A794J", Name: "Paola Greco", Rights: officers.Rights()}); err != nil {
		t.Errorf("the first officer cannot add the second: %v", err)
	}
	appoint(second)
	if !slices.Equal(list()[second], []access.Right{access.Work}) {
		t.Errorf("who comes later may %v", list()[second])
	}
	appoint(first) // given twice, with others on the list
	if !manages(first) {
		t.Error("the command given twice took a right away")
	}
	appoint(first, access.Work)
	if manages(first) {
		t.Error("rights that were given in so many words were not taken")
	}
}

func TestKeysFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outside", "keys.json")
	keys, err := readKeys(file)
	if err != nil || len(keys) != 0 {
		t.Fatalf("%v, %v", keys, err)
	}
	keys["milano"] = "secret"
	if err := writeKeys(file, keys); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if again, err := readKeys(file); err != nil || again["milano"] != "secret" {
		t.Errorf("%v, %v", again, err)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v", left, err)
	}
	if err := os.WriteFile(file, []byte(`{"milano": secret`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readKeys(file); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("broken file: %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Setenv("STAGE", "")
	t.Setenv("TABLE_APPLICATIONS", "")
	t.Setenv("TABLE_SESSIONS", "")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"key", "--chamber", "milano"}, "manca --stage, --table-applications, --table-sessions"},
		{[]string{"key", "milano"}, "argomento non previsto"},
	} {
		err := run(context.Background(), c.args, &bytes.Buffer{}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
	for _, args := range [][]string{nil, {"nothing"}, {"key", "--unknown"}, {"seed", "-h"}} {
		var messages bytes.Buffer
		err := run(context.Background(), args, &bytes.Buffer{}, &messages)
		if !errors.Is(err, flag.ErrHelp) || messages.Len() == 0 {
			t.Errorf("%v: %v", args, err)
		}
	}
	if err := knownChamber("roma"); err == nil || !strings.Contains(err.Error(), "milano") {
		t.Errorf("unknown chamber: %v", err)
	}
	if err := knownChamber("milano"); err != nil {
		t.Error(err)
	}
	p := problem.New(problem.Invalid, "No.").At("#/name", "Vuoto.")
	if got := readable(fmt.Errorf("around: %w", p)); got != "No.\n  name: Vuoto." {
		t.Errorf("readable: %q", got)
	}
	if !slices.Equal(split("work, manage"), []string{"work", "manage"}) {
		t.Error("split")
	}
}
