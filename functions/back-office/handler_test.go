package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/problem"
	"sportello/shared/edge/edgetest"
	"sportello/shared/edge/httpapi"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/office"
	"sportello/shared/flow/officers"
	"sportello/shared/platform/table"
)

const (
	anna  = "CLMNNA74P48F205H" // manages the office
	paolo = "GRCPLA82E17A794J"
	sofia = "CNTSFO91L65A794B" // of another chamber
)

// function is the function over a sportello in memory, with a list of officers and a key. A cookie is the tax code of who holds it.
type function struct {
	*edgetest.Function
	w       *flowtest.World
	keyring *officers.Keyring
	prefix  string // of the events' files: "" the officer's door, "key-" the chamber's
}

func newFunction(t *testing.T, door string) *function {
	t.Helper()
	f := &function{Function: edgetest.New(t), w: flowtest.New(t), prefix: door}
	sessions := table.NewMemory()
	people, err := officers.New(officers.Config{
		Applications: f.w.Applications, Sessions: sessions, Chamber: httpapi.Chamber, Now: f.w.Now, NewID: f.w.NewID, Offices: offices,
		SignedIn: func(_ context.Context, cookie string) (access.Applicant, error) {
			if cookie == "" {
				return access.Applicant{}, problem.New(problem.Unauthenticated, "Accedi.")
			}
			return access.Applicant{TaxCode: cookie}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := f.w.Office.Config
	c.Colleague = people.Colleague
	desk, err := office.New(c)
	if err != nil {
		t.Fatal(err)
	}
	h := &handler{desk: desk, people: people, evidence: f.w.Evidence, cursors: edgetest.Cursors(t)}
	h.register(httpapi.Cookie(f.API, "/api/v1/office", people.Officer))
	h.register(httpapi.Keyed(f.API, "/chamber/v1", people.Key))
	if f.Handle, err = f.API.Handler(); err != nil {
		t.Fatal(err)
	}
	for chamber, taxCode := range map[string]string{"milano": anna, "bergamo": sofia} {
		if _, err := people.Appoint(context.Background(), chamber, officers.Details{TaxCode: taxCode, Name: "Anna Colombo", Rights: officers.Rights()}); err != nil {
			t.Fatal(err)
		}
	}
	if f.keyring, err = officers.NewKeyring(sessions, f.w.Now, rand.Reader); err != nil {
		t.Fatal(err)
	}
	_, claim := flowtest.PDF("esito.pdf")
	f.Values = map[string]string{
		"cookie": anna, "officer": anna, "key": f.key("milano"), "other": paolo, "sha256": claim.SHA256, "aid": "a-1", "doc": "d-1", "problem": "p-1", "oid": "o-1",
	}
	return f
}

func (f *function) key(chamber string) string {
	f.T.Helper()
	secret, _, err := f.keyring.Make(context.Background(), officers.NewKey{Chamber: chamber, Name: "gestionale", Rights: officers.Rights(), Life: 60 * 24 * time.Hour})
	if err != nil {
		f.T.Fatal(err)
	}
	return secret
}

func (f *function) call(name string, changes ...edgetest.Change) edgetest.Answer {
	f.T.Helper()
	return f.Call(f.prefix+name+".json", changes...)
}

// seen counts the looks at a case.
func (f *function) seen(id string) int {
	f.T.Helper()
	looks, err := table.All(context.Background(), f.w.Applications, table.Query{PK: layout.Application(id), Prefix: "SEEN#"})
	if err != nil {
		f.T.Fatal(err)
	}
	return len(looks)
}

func body(pairs ...any) edgetest.Change {
	v := map[string]any{}
	for n := 0; n < len(pairs); n += 2 {
		v[pairs[n].(string)] = pairs[n+1]
	}
	return edgetest.Body(v)
}

var doors = map[string]string{"officer's": "", "chamber's": "key-"}

// upload brings a document of the office's as far as its completion.
func (f *function) upload(text string) draft.Completed {
	f.T.Helper()
	sum := sha256.Sum256([]byte(text))
	var a draft.Attached
	f.call("attach", body("name", "esito.pdf", "size", len(text), "sha256", hex.EncodeToString(sum[:]), "mediaType", "application/pdf")).Is(201, &a)
	f.w.Upload(f.Values["id"], a.ID, []byte(text), "application/pdf")
	f.Values["aid"] = a.ID
	var done draft.Completed
	f.call("complete").Is(200, &done)
	return done
}

// The act that decides a price list is signed: what is found of that is told when it is uploaded, and stands beside it once it decided.
func TestSignedAct(t *testing.T) {
	for name, door := range doors {
		t.Run(name, func(t *testing.T) {
			f := newFunction(t, door)
			id := f.w.Unpaid()
			f.w.Checkout(id)
			f.w.Tell(f.w.Pay(id, 300))
			f.w.Rest()
			f.Values["id"] = id
			f.call("assign").Is(200, nil)
			decide := func(file string) edgetest.Answer {
				return f.call("decide", body("outcome", "deposited", "text", "Depositato.", "document", file))
			}
			for what, text := range map[string]string{
				"nobody's": "%PDF-1.7 esito", "the owner's": flowtest.SignedBy(flowtest.Giulia), "altered": flowtest.Broken(flowtest.SignedBy(anna)),
			} {
				done := f.upload(text)
				if done.Signature == nil || done.Signature.Text == "" {
					t.Errorf("%s: nothing is said of the signature", what)
				}
				decide(done.ID).Refused(422, problem.Invalid, "#/document")
			}
			done := f.upload(flowtest.SignedBy(anna))
			if done.Signature == nil || done.Signature.Verdict != "valid" {
				t.Errorf("signature %+v", done.Signature)
			}
			var v casefile.View
			decide(done.ID).Is(200, &v)
			for _, d := range v.Documents {
				if (d.Kind == application.OutcomeDocument) != (d.Signature != nil) {
					t.Errorf("%s: signature %+v", d.Kind, d.Signature)
				}
			}
		})
	}
}

// A case goes through the office, at both doors alike.
func TestStory(t *testing.T) {
	for name, door := range doors {
		t.Run(name, func(t *testing.T) {
			f := newFunction(t, door)
			f.Values["id"] = f.w.Registered()
			var cases list[casefile.Summary]
			if f.call("list").Is(200, &cases); len(cases.Items) != 1 {
				t.Errorf("list %+v", cases)
			}
			var v casefile.View
			f.call("show").Is(200, &v)
			f.call("assign").Is(200, &v)
			if v.State != "in_progress" || v.Officer == nil || v.Officer.TaxCode != anna {
				t.Errorf("assigned %+v", v.Officer)
			}
			for query, want := range map[string]int{
				"assignee=me": 1, "assignee=none": 0, "state=in_progress": 1, "state=decided": 0, "service=reclami&due_before=2026-12-31": 1,
				"changed_since=2026-11-23T09:00:00.000Z": 1, "changed_since=2027-01-01T00:00:00.000Z": 0,
			} {
				if f.call("list", edgetest.Query(query)).Is(200, &cases); len(cases.Items) != want {
					t.Errorf("%s: %d cases", query, len(cases.Items))
				}
			}
			f.call("message").Is(201, nil)
			var sent office.Sent
			if f.call("ask").Is(201, &sent); sent.Due != "2026-12-03" {
				t.Errorf("asked %+v", sent)
			}
			f.call("ask").Refused(409, problem.Conflict)
			f.w.Settle()
			f.call("show").Is(200, &v)

			file, claim := flowtest.PDF("esito.pdf")
			var a draft.Attached
			f.call("attach").Is(201, &a)
			f.Values["aid"] = a.ID
			f.call("complete").Refused(409, problem.Conflict)
			f.w.Upload(v.ID, a.ID, file, claim.MediaType)
			f.call("complete").Is(200, nil)
			f.call("decide").Is(200, &v)
			if v.State != "decided" || v.Outcome == nil || v.Outcome.Text != "Il reclamo è fondato." {
				t.Errorf("decided %+v", v.Outcome)
			}
			f.call("decide").Refused(409, problem.Conflict)
			f.w.Settle()
			var story casefile.Story
			if f.call("timeline").Is(200, &story); len(story.Items) < 6 {
				t.Errorf("story of %d lines", len(story.Items))
			}
			f.Values["doc"] = v.Documents[0].ID
			f.call("document").Is(302, nil)
			f.Values["doc"] = a.ID
			f.call("document").Is(302, nil)
			seen := f.seen(v.ID)
			f.w.Pass(time.Minute)
			f.call("evidence").Is(302, nil)
			if f.seen(v.ID) != seen+1 {
				t.Error("who had the evidence file made is not recorded")
			}
			f.w.Rest()
			f.w.Pass(31 * 24 * time.Hour)
			f.w.Rest()
			if f.call("show").Is(200, &v); v.State != string(application.Preserved) || v.Survey.Token != "" {
				t.Errorf("in the end %s", v.State)
			}
		})
	}
}

// The register and its days, and an annulment beside the entry.
func TestRegister(t *testing.T) {
	for name, door := range doors {
		t.Run(name, func(t *testing.T) {
			f := newFunction(t, door)
			f.Values["id"] = f.w.Registered()
			var entries list[office.RegisteredView]
			if f.call("entries").Is(200, &entries); len(entries.Items) != 1 || entries.Items[0].Number != "0000001" {
				t.Errorf("entries %+v", entries)
			}
			f.call("entries", edgetest.Query("from=2&to=1")).Is(200, &entries)
			f.call("entries", edgetest.Query("from=0")).Refused(400, problem.Malformed, "?from")
			var e office.RegisteredView
			f.call("entry").Is(200, &e)
			var done accepted
			f.call("annul").Is(202, &done)
			f.w.Settle()
			if f.call("entry").Is(200, &e); !e.Annulled || len(e.Annulments) != 1 {
				t.Errorf("entry %+v", e)
			}
			f.call("annul").Refused(409, problem.Conflict)
			f.call("annul", body("reason", "Errore")).Refused(422, problem.Invalid, "#/provision")
			var seal office.SealView
			if f.call("seal").Is(200, &seal); seal.State != "open" {
				t.Errorf("seal %+v", seal)
			}
			f.w.Pass(18 * time.Hour)
			f.w.CloseDays()
			f.w.Settle()
			if f.call("seal").Is(200, &seal); seal.State != "sealed" || len(seal.Seal) == 0 {
				t.Errorf("seal %+v", seal)
			}
		})
	}
}

// Problems, and the list of officers.
func TestManagement(t *testing.T) {
	for name, door := range doors {
		t.Run(name, func(t *testing.T) {
			f := newFunction(t, door)
			f.w.Mail.Bounce = true
			f.Values["id"] = f.w.Registered()
			var open list[office.ProblemView]
			if f.call("problems").Is(200, &open); len(open.Items) != 2 {
				t.Fatalf("problems %+v", open)
			}
			for _, p := range open.Items {
				f.Values["problem"] = p.ID
				f.call("retry").Is(202, nil)
			}
			if f.call("problems").Is(200, &open); len(open.Items) != 0 {
				t.Errorf("problems %+v", open)
			}
			f.Values["problem"] = "nothing"
			f.call("retry").Refused(404, problem.NotFound)

			var o officers.Officer
			f.call("add-officer").Is(201, &o)
			f.Values["oid"] = o.ID
			f.call("add-officer").Refused(409, problem.Conflict, "#/taxCode")
			f.call("add-officer", body("taxCode", sofia, "name", "Sofia Conti", "offices", []string{"nessuno"}, "rights", []string{"work"})).
				Refused(422, problem.Invalid, "#/offices/0")
			var people list[officers.Officer]
			if f.call("officers").Is(200, &people); len(people.Items) != 2 {
				t.Errorf("officers %+v", people)
			}
			// A case is given to a colleague, and found by their id.
			f.call("assign", body("officer", paolo)).Is(200, nil)
			var cases list[casefile.Summary]
			if f.call("list", edgetest.Query("assignee="+o.ID)).Is(200, &cases); len(cases.Items) != 1 {
				t.Errorf("%d cases of theirs", len(cases.Items))
			}
			f.call("list", edgetest.Query("assignee="+paolo)).Refused(400, problem.Malformed, "?assignee")
			f.call("remove-officer").Is(204, nil)
			f.call("remove-officer").Refused(404, problem.NotFound)
		})
	}
}

// A case is not given to who is not on the list, nor to the officer complained of.
func TestAssignRefused(t *testing.T) {
	f := newFunction(t, "")
	f.call("add-officer").Is(201, nil)
	f.Values["id"] = f.w.Registered("officer", "Paolo Greco")
	f.call("assign", body("officer", sofia)).Refused(422, problem.Invalid, "#/officer")
	f.call("assign", body("officer", paolo)).Refused(422, problem.Invalid, "#/officer")
	f.w.State(f.Values["id"], application.Registered)
}

// To who is named at the key's door and is not on the list, a complaint about a person does not exist, nor does it in the list; any other case does.
func TestComplaintHiddenFromUnlisted(t *testing.T) {
	f := newFunction(t, "key-")
	f.w.InProgress("officer", "Greco Paolo")
	f.Values["id"] = f.w.InProgress()
	unlisted := edgetest.Header("X-Officer", sofia)
	f.call("show", unlisted).Is(200, nil)
	var cases list[casefile.Summary]
	if f.call("list", unlisted).Is(200, &cases); len(cases.Items) != 1 || cases.Items[0].ID != f.Values["id"] {
		t.Errorf("who is not on the list sees %+v", cases.Items)
	}
	if f.call("list").Is(200, &cases); len(cases.Items) != 2 {
		t.Errorf("who is on it sees %+v", cases.Items)
	}
}

func TestRefusals(t *testing.T) {
	f := newFunction(t, "")
	f.Values["id"] = f.w.InProgress("officer", "Greco Paolo")
	f.call("add-officer").Is(201, nil)
	theirs := f.key("bergamo")
	bergamo := edgetest.Header("x-forwarded-host", "bergamo.localhost:8080")
	keyedBergamo := edgetest.Header("X-Forwarded-Host", "bergamo.localhost:8080")
	for name, c := range map[string]struct {
		file    string
		changes []edgetest.Change
		status  int
		kind    problem.Kind
	}{
		"nobody":                             {"show.json", []edgetest.Change{edgetest.Cookie("")}, 401, problem.Unauthenticated},
		"an applicant":                       {"show.json", []edgetest.Change{edgetest.Cookie(flowtest.Giulia)}, 404, problem.NotFound},
		"another chamber's officer":          {"show.json", []edgetest.Change{edgetest.Cookie(sofia), bergamo}, 404, problem.NotFound},
		"an officer at another host":         {"show.json", []edgetest.Change{bergamo}, 404, problem.NotFound},
		"the officer complained of":          {"show.json", []edgetest.Change{edgetest.Cookie(paolo)}, 404, problem.NotFound},
		"the officer complained of, by key":  {"key-show.json", []edgetest.Change{edgetest.Header("X-Officer", paolo)}, 404, problem.NotFound},
		"perhaps the officer complained of":  {"key-show.json", []edgetest.Change{edgetest.Header("X-Officer", sofia)}, 404, problem.NotFound},
		"the evidence, complained of":        {"evidence.json", []edgetest.Change{edgetest.Cookie(paolo)}, 404, problem.NotFound},
		"the evidence, another chamber's":    {"key-evidence.json", []edgetest.Change{edgetest.Header("x-api-key", theirs)}, 404, problem.NotFound},
		"another site's page":                {"message.json", []edgetest.Change{edgetest.Header("origin", "https://evil.example")}, 403, problem.Forbidden},
		"no key":                             {"key-show.json", []edgetest.Change{edgetest.Header("x-api-key", "")}, 401, problem.Unauthenticated},
		"a wrong key":                        {"key-show.json", []edgetest.Change{edgetest.Header("x-api-key", "sportello"+strings.Repeat("0", 64))}, 401, problem.Unauthenticated},
		"another chamber's key":              {"key-show.json", []edgetest.Change{edgetest.Header("x-api-key", theirs)}, 404, problem.NotFound},
		"another chamber's key, at its host": {"key-show.json", []edgetest.Change{edgetest.Header("x-api-key", theirs), keyedBergamo}, 404, problem.NotFound},
		"no officer":                         {"key-show.json", []edgetest.Change{edgetest.Header("X-Officer", "")}, 400, problem.Malformed},
		"no tax code":                        {"key-show.json", []edgetest.Change{edgetest.Header("X-Officer", "Anna")}, 400, problem.Malformed},
		"a cookie at the key's door":         {"key-show.json", []edgetest.Change{edgetest.Header("x-api-key", ""), edgetest.Header("Cookie", "session="+anna)}, 401, problem.Unauthenticated},
		"unknown filter":                     {"list.json", []edgetest.Change{edgetest.Query("q=rossi")}, 400, problem.Malformed},
		"bad instant":                        {"list.json", []edgetest.Change{edgetest.Query("changed_since=ieri")}, 400, problem.Malformed},
		"no text":                            {"message.json", []edgetest.Change{body("text", "")}, 422, problem.Invalid},
		"too many days":                      {"ask.json", []edgetest.Change{body("text", "Manca", "days", 31)}, 422, problem.Invalid},
		"unknown outcome":                    {"decide.json", []edgetest.Change{body("outcome", "granted", "text", "Sì", "document", "x")}, 422, problem.Invalid},
		"no document":                        {"decide.json", nil, 422, problem.Invalid},
		"no year":                            {"entries.json", []edgetest.Change{func(e map[string]any) { e["rawPath"] = "/api/v1/office/register/26" }}, 404, problem.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			f.T = t
			a := f.Call(c.file, c.changes...)
			if a.Status != c.status || !strings.Contains(a.Body, "/"+string(c.kind)+`"`) {
				t.Errorf("%d %s, want %d %s", a.Status, a.Body, c.status, c.kind)
			}
			for _, person := range []string{anna, paolo, sofia, flowtest.Giulia, "Rinaldi"} {
				if strings.Contains(f.Log.String(), person) {
					t.Errorf("the log names a person:\n%s", f.Log.String())
				}
			}
		})
	}
}
