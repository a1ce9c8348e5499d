package signingdesk

import (
	"embed"
	"errors"
	"io"
	"mime"
	"net/http"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/page"
	"sportello/infra/local/outside/people"
)

//go:embed pages/*.html
var files embed.FS

var deskPage = page.Parse(files, "pages/desk.html")

// maxFile is above what the product takes: too large a file is one of the things to try.
const maxFile = 40 << 20

// Routes adds the page and the machine interface.
func (d *Desk) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /firma", func(w http.ResponseWriter, _ *http.Request) { show(w, http.StatusOK, Request{}, nil) })
	mux.HandleFunc("POST /firma", d.form)
	mux.HandleFunc("GET /firma/listino.pdf", d.sample)
	mux.HandleFunc("GET /control/sign", d.control)
	mux.HandleFunc("POST /control/sign", d.controlSign)
	mux.HandleFunc("GET /control/sign/sample.pdf", d.sample)
}

func (d *Desk) sample(w http.ResponseWriter, r *http.Request) {
	raw, err := SamplePDF(d.Clock.Now())
	if err != nil {
		d.trouble(w, err)
		return
	}
	send(w, File{Name: "listino-prezzi.pdf", Type: "application/pdf", Content: raw})
}

func send(w http.ResponseWriter, f File) {
	h := w.Header()
	h.Set("Content-Type", f.Type)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(f.Content) // the peer has gone: nothing to do about it
}

func (d *Desk) trouble(w http.ResponseWriter, err error) {
	d.Log.Error("signing failed", "err", err)
	problem(w, http.StatusInternalServerError, "", "il banco di firma non è riuscito a firmare")
}

// control lists what POST takes.
func (d *Desk) control(w http.ResponseWriter, _ *http.Request) {
	personas := []string{}
	for _, p := range people.Persons() {
		personas = append(personas, p.ID)
	}
	bearer.WriteJSON(w, http.StatusOK, map[string]any{
		"personas": personas, "styles": Styles(), "keys": Keys(), "faults": Faults(), "sample": "/control/sign/sample.pdf",
	})
}

// controlSign signs the body: ?persona=&second=&style=&key=&fault=&name=.
func (d *Desk) controlSign(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFile))
	if err != nil {
		problem(w, http.StatusBadRequest, "file", "corpo illeggibile o oltre 40 MB")
		return
	}
	q := r.URL.Query()
	f, err := d.Sign(Request{
		Persona: q.Get("persona"), Second: q.Get("second"), Style: q.Get("style"), Key: q.Get("key"), Fault: q.Get("fault"),
		Name: q.Get("name"), Content: raw,
	})
	var wrong *FieldError
	switch {
	case errors.As(err, &wrong):
		problem(w, http.StatusBadRequest, wrong.Field, wrong.Text)
	case err != nil:
		d.trouble(w, err)
	default:
		send(w, f)
	}
}

func problem(w http.ResponseWriter, status int, field, detail string) {
	body := map[string]any{"status": status, "title": http.StatusText(status), "detail": detail}
	if field != "" {
		body["field"] = field
	}
	bearer.WriteJSON(w, status, body)
}

// form signs the file of the page's form and sends it back; what is wrong is said beside its field.
func (d *Desk) form(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFile)
	request := Request{
		Persona: r.FormValue("persona"), Second: r.FormValue("second"), Style: r.FormValue("style"), Key: r.FormValue("key"), Fault: r.FormValue("fault"),
	}
	raw, name, err := upload(r)
	if err != nil {
		show(w, http.StatusBadRequest, request, &FieldError{"file", "Il file non è arrivato intero, o supera i 40 MB."})
		return
	}
	request.Content, request.Name = raw, name
	f, err := d.Sign(request)
	var wrong *FieldError
	switch {
	case errors.As(err, &wrong):
		show(w, http.StatusBadRequest, request, wrong)
	case err != nil:
		d.Log.Error("signing failed", "err", err)
		show(w, http.StatusInternalServerError, request, &FieldError{"", "Il banco non è riuscito a firmare il file."})
	default:
		send(w, f)
	}
}

// upload is the form's file; one that was not chosen is empty.
func upload(r *http.Request) ([]byte, string, error) {
	f, head, err := r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	return raw, head.Filename, err
}

func show(w http.ResponseWriter, status int, chosen Request, wrong *FieldError) {
	v := page.View{Title: "Banco di firma", Section: "firma"}
	errs := map[string]string{}
	if wrong != nil {
		v.Error = "Il file non è stato firmato. " + wrong.Text
		errs[wrong.Field] = wrong.Text
	}
	chosen.Style, chosen.Key, chosen.Fault = orElse(chosen.Style, "cades"), orElse(chosen.Key, "rsa2048"), orElse(chosen.Fault, sound)
	v.Data = map[string]any{
		"Persons": people.Persons(), "Styles": Styles(), "Keys": Keys(), "Faults": Faults(), "Chosen": chosen, "Errors": errs,
		"Verdicts": map[string]string{valid: "valida", invalid: "non valida", refused: "il file non va accettato"},
	}
	deskPage.Write(w, status, v)
}
