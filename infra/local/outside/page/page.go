// Package page is the common frame of the outside world's pages: layout, style, rendering. The
// pages are plain HTML: they work without scripts, on a narrow screen and by keyboard.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"time"
	_ "time/tzdata" // Europe/Rome must be there on every machine
)

//go:embed layout.html style.css
var files embed.FS

// View is what a page shows. Done and Error are messages above the content.
type View struct {
	Title, Section string
	Done, Error    string
	Data           any
}

// Template is a page's template inside the layout.
type Template struct{ t *template.Template }

// Parse reads a file that defines "content". It panics on a template that does not parse: the
// files are part of the program.
func Parse(fsys fs.FS, name string) *Template {
	t := template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "layout.html"))
	return &Template{template.Must(t.ParseFS(fsys, name))}
}

var functions = template.FuncMap{
	"when":  when,
	"bytes": size,
	"inc":   func(i int) int { return i + 1 },
}

// when shows an instant in Italy's time, as a time element.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return "—"
	}
	local := t
	if rome, err := time.LoadLocation("Europe/Rome"); err == nil {
		local = t.In(rome)
	}
	return template.HTML(fmt.Sprintf(`<time datetime=%q>%s</time>`, t.UTC().Format(time.RFC3339), local.Format("02/01/2006 15:04:05")))
}

func size(n any) string {
	var v int64
	switch n := n.(type) {
	case int:
		v = int64(n)
	case int64:
		v = n
	}
	switch {
	case v >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(v)/(1<<20))
	case v >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(v)/(1<<10))
	}
	return fmt.Sprintf("%d byte", v)
}

// Write renders the page; one that fails half way is not sent.
func (t *Template) Write(w http.ResponseWriter, status int, v View) {
	t.write(w, status, v, "form-action 'self'; ")
}

// WriteLeaving renders a page whose form answers with a redirect to another host: browsers apply
// form-action to that redirect too.
func (t *Template) WriteLeaving(w http.ResponseWriter, status int, v View) { t.write(w, status, v, "") }

func (t *Template) write(w http.ResponseWriter, status int, v View, formAction string) {
	var buf bytes.Buffer
	if err := t.t.Execute(&buf, v); err != nil {
		http.Error(w, "pagina non disponibile: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; "+formAction+"base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the peer has gone: nothing to do about it
}

// Style serves the style sheet.
func Style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "style.css")
}
