package outside

import (
	"bytes"
	"html"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sportello/infra/local/outside/state"
)

var (
	controls = regexp.MustCompile(`<(input|select|textarea)\b[^>]*>`)
	idOf     = regexp.MustCompile(`\bid="([^"]+)"`)
	labels   = regexp.MustCompile(`<label for="([^"]+)"`)
)

// checkPage looks for what a person who cannot see or has no script needs.
func checkPage(t *testing.T, path string, resp *http.Response, body []byte) {
	t.Helper()
	text := string(body)
	if got := resp.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("%s: %s", path, got)
	}
	if !strings.Contains(text, `<html lang="it">`) || strings.Count(text, "<h1") != 1 || !strings.HasSuffix(strings.TrimSpace(text), "</html>") {
		t.Errorf("%s: no lang, no h1 or not whole", path)
	}
	if strings.Contains(text, "<script") || strings.Contains(text, "style=") || strings.Contains(text, "ZgotmplZ") {
		t.Errorf("%s: script, inline style or unsafe value", path)
	}
	labelled := map[string]bool{}
	for _, m := range labels.FindAllStringSubmatch(text, -1) {
		labelled[m[1]] = true
	}
	for _, control := range controls.FindAllString(text, -1) {
		if strings.Contains(control, `type="hidden"`) {
			continue
		}
		if id := idOf.FindStringSubmatch(control); id == nil || !labelled[id[1]] {
			t.Errorf("%s: no label for %s", path, control)
		}
	}
	seen := map[string]bool{}
	for _, m := range idOf.FindAllStringSubmatch(text, -1) {
		if seen[m[1]] {
			t.Errorf("%s: id %s twice", path, m[1])
		}
		seen[m[1]] = true
	}
}

func (w *world) page(path string, status int) string {
	w.t.Helper()
	resp, body := w.do("GET", path, nil, nil)
	wantStatus(w.t, resp, body, status)
	checkPage(w.t, path, resp, body)
	return string(body)
}

func TestPages(t *testing.T) {
	w := start(t)
	to := "officine.rinaldi@pec.example.it"
	if err := w.send(milano, []string{to}, letter(milano, to)); err != nil {
		t.Fatal(err)
	}
	w.inbox(milano, 2)
	resp, body := w.deposit("never-1", bundle(t, "x"))
	wantStatus(t, resp, body, http.StatusAccepted)
	resp, body = w.deposit("pdv-1", bundle(t, "x"))
	wantStatus(t, resp, body, http.StatusAccepted)
	eventually(t, "preservation", func() bool { return w.packageState("pdv-1").State == "preserved" })
	id := w.provider.Messages("")[0].ID
	for path, want := range map[string]string{
		"/":                         "Ora del mondo di prova",
		"/pec":                      "Esito dell&#39;istanza perché",
		"/pec?address=" + to:        "avvenuta-consegna",
		"/pec/" + id:                "Emetti una ricevuta a mano",
		"/caselle":                  "protocollo@varese.pec.example.it",
		"/caselle/" + milano:        "CONSEGNA: ",
		"/caselle/" + milano + "/1": "è stato accettato dal sistema",
		"/caselle/" + to + "/1":     "Testo con accenti: perché.",
		"/scrivi":                   "giulia.rinaldi@pec.example.it",
		"/registri":                 "registro-imprese",
		"/pacchetti":                "RdV-",
		"/istituto":                 "callback-twice",
		"/istituto/avviso":          "Numero di avviso",
		"/protocollo":               "Nessuna registrazione",
		"/firma":                    "Giulia Rinaldi",
		"/fiducia":                  "Fiduciaria di Prova Radice",
		"/persone":                  "RNLGLI79D52F205F",
		"/guasti":                   "mancata.consegna",
		"/gestionale":               "senza chiave",
	} {
		if text := w.page(path, http.StatusOK); !strings.Contains(text, want) {
			t.Errorf("%s does not have %q:\n%s", path, want, text)
		}
	}
	for _, path := range []string{"/pec/nessuno", "/caselle/nessuno@pec.example.it", "/caselle/" + milano + "/99", "/caselle/" + milano + "/x"} {
		if resp, _ := w.do("GET", path, nil, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	resp, _ = w.do("GET", "/style.css", nil, nil)
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/css") {
		t.Errorf("style: %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	for _, path := range []string{"/pec/" + id + "/original.eml", "/caselle/" + milano + "/1/message.eml", "/pacchetti/pdv-1/rapporti/1"} {
		if resp, _ := w.do("GET", path, nil, nil); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestFormsOfThePages(t *testing.T) {
	w := start(t)
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	for k, v := range map[string]string{
		"from": "giulia.rinaldi@pec.example.it", "to": milano, "subject": "Prova", "text": "Testo", "certified": "si", "inReplyTo": "",
	} {
		if err := form.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	f, err := form.CreateFormFile("attachment", "allegato.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("ciao")); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	resp, body := w.do("POST", "/scrivi", http.Header{"Content-Type": {form.FormDataContentType()}}, &buf)
	wantStatus(t, resp, body, http.StatusSeeOther)
	if text := w.page(resp.Header.Get("Location"), http.StatusOK); !strings.Contains(text, "Messaggio inviato.") || !strings.Contains(text, "allegato.txt") {
		t.Errorf("after sending:\n%s", text)
	}
	w.inbox(milano, 1)
	read := w.page("/caselle/"+milano+"/1", http.StatusOK)
	link := regexp.MustCompile(`href="(/scrivi\?[^"]+)"`).FindStringSubmatch(read)
	if link == nil {
		t.Fatal("no link to reply")
	}
	reply := w.page(html.UnescapeString(link[1]), http.StatusOK)
	if !strings.Contains(reply, `value="giulia.rinaldi@pec.example.it"`) || !strings.Contains(reply, "Re: Prova") {
		t.Errorf("the reply form is not filled:\n%s", reply)
	}
	id := w.provider.Messages("")[0].ID
	for path, c := range map[string]struct {
		values url.Values
		want   int
	}{
		"/pec/hold":                {url.Values{"on": {"1"}}, http.StatusSeeOther},
		"/pec/" + id + "/receipts": {url.Values{"kind": {"errore-consegna"}, "recipient": {milano}, "flaw": {"unsigned"}}, http.StatusSeeOther},
		"/registri":                {url.Values{"service": {"inad"}, "mode": {"down"}}, http.StatusSeeOther},
		"/fiducia":                 {url.Values{"service": {"ocsp"}, "mode": {"down"}}, http.StatusSeeOther},
		"/pacchetti/next":          {url.Values{"next": {"refuse"}}, http.StatusSeeOther},
		"/pacchetti/ignoto":        {url.Values{"refuse": {"0"}}, http.StatusBadRequest},
		"/scrivi":                  {url.Values{"from": {"x"}}, http.StatusBadRequest},
	} {
		resp, body := w.form(path, c.values)
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, c.want)
		}
		if c.want == http.StatusBadRequest {
			checkPage(t, path, resp, body)
		}
	}
	if got := w.fiduciary.Switches().Mode("ocsp"); got != "down" {
		t.Errorf("OCSP is %s", got)
	}
	resp, body = w.form("/firma", url.Values{"persona": {"giulia"}, "fault": {"?"}})
	wantStatus(t, resp, body, http.StatusBadRequest)
	checkPage(t, "/firma", resp, body)
	if _, held := w.provider.Holding(); !held {
		t.Error("the hold is not on")
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	w := start(t)
	resp, body := w.do("POST", "/pec/hold", http.Header{
		"Origin": {"http://altrove.example"}, "Sec-Fetch-Site": {"cross-site"}, "Content-Type": {"application/x-www-form-urlencoded"},
	}, strings.NewReader("on=1"))
	wantStatus(t, resp, body, http.StatusForbidden)
}

func TestCaseDeskWithoutPortal(t *testing.T) {
	w := start(t)
	if err := state.WriteJSON(w.path("keys.json"), map[string]string{"milano": "chiave"}); err != nil {
		t.Fatal(err)
	}
	if text := w.page("/gestionale", http.StatusOK); !strings.Contains(text, `href="/gestionale/milano"`) {
		t.Error("no link to Milano")
	}
	if text := w.page("/gestionale/milano", http.StatusBadGateway); !strings.Contains(text, "non è raggiungibile") {
		t.Errorf("no word about the portal:\n%s", text)
	}
	w.page("/gestionale/varese", http.StatusNotFound)
}
