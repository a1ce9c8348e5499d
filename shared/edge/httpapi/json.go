package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"sportello/shared/domain/problem"
	"sportello/shared/domain/schema"
)

// maxBody is how large a JSON body may be: the longest form there is, answers and all, is a tenth of it.
const maxBody = 256 << 10

// None is the request or the answer of an operation without body.
type None struct{}

// Call is one request as a handler sees it. Its methods must not be used after the handler returned.
type Call[P any] struct {
	// Caller is whom the door let in.
	Caller P
	// Chamber is the chamber whose host was asked, "" on the portal's own host.
	Chamber string
	// RequestID is what the log and a problem show.
	RequestID string

	request *http.Request
	header  http.Header
}

// Path returns a part of the path; it satisfies its schema.
func (c Call[P]) Path(name string) string { return c.request.PathValue(name) }

// Query returns a query parameter, "" if absent; it satisfies its schema.
func (c Call[P]) Query(name string) string { return c.request.URL.Query().Get(name) }

// Header is the header of the answer.
func (c Call[P]) Header() http.Header { return c.header }

// Redirect says where the caller finds it, in an operation that answers 302 or 303.
func (c Call[P]) Redirect(to string) { c.header.Set("Location", to) }

// JSON registers an operation behind a door: the caller is identified, the body checked by the operation's schema and
// decoded into In, and what handle returns becomes the answer, with the status that openapi.json gives to success.
//
// The pattern is method and path below the door's prefix, as in "POST /applications/{id}/messages".
func JSON[P, In, Out any](d Door[P], pattern string, handle func(ctx context.Context, c Call[P], in In) (Out, error)) {
	pattern = d.pattern(pattern)
	op, err := d.api.contract.operation(pattern)
	if err != nil {
		d.api.errs = append(d.api.errs, err)
		return
	}
	d.api.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := run(d, op, w.Header(), r, handle)
		if err == nil {
			err = encode(w, op, out)
		}
		if err != nil {
			d.api.Fail(w, r, err)
		}
	}))
}

// run takes the steps in their order: who is it, may this be asked, then the act.
func run[P, In, Out any](d Door[P], op *operation, header http.Header, r *http.Request,
	handle func(context.Context, Call[P], In) (Out, error)) (out Out, err error) {
	caller, err := d.admit(r)
	if err != nil {
		return out, err
	}
	if err := op.checkPath(r); err != nil {
		return out, err
	}
	if err := op.checkQuery(r); err != nil {
		return out, err
	}
	in, err := decode[In](op, r)
	if err != nil {
		return out, err
	}
	ctx := r.Context()
	return handle(ctx, Call[P]{caller, Chamber(ctx), RequestID(ctx), r, header}, in)
}

// decode reads the body once, checks it and decodes it. The schema refuses unknown members, so nothing is ignored.
func decode[In any](op *operation, r *http.Request) (in In, err error) {
	body, err := readBody(r)
	if err != nil {
		return in, err
	}
	if op.body == nil {
		if len(body) > 0 {
			return in, problem.New(problem.Malformed, "Questa richiesta non prevede un contenuto.")
		}
		return in, nil
	}
	if len(body) == 0 && op.bodyOptional {
		return in, nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return in, problem.New(problem.UnsupportedMedia, "Il contenuto della richiesta deve essere di tipo application/json.")
	}
	value, err := schema.Parse(body)
	if err != nil {
		return in, problem.New(problem.Malformed, "Il contenuto della richiesta non è JSON leggibile, o nomina due volte lo stesso campo.")
	}
	fields := op.body().Check(value)
	if len(fields) == 0 {
		fields = schema.Unwritable(value, "#")
	}
	if len(fields) > 0 {
		return in, refused(fields...)
	}
	return in, unmarshal(body, &in)
}

// unmarshal decodes what the schema allowed. To a schema 10.0 and 1e1 are whole numbers as 10 is (JSON Schema, Core, 6.3), to us only the last.
func unmarshal(body []byte, in any) error {
	err := json.Unmarshal(body, in)
	var spelled *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &spelled) && strings.HasPrefix(spelled.Value, "number "):
		return refused(problem.Field{Pointer: "#/" + strings.ReplaceAll(spelled.Field, ".", "/"), Detail: "Scrivi il numero con le sole cifre."})
	}
	return fmt.Errorf("decoding what the schema allowed: %w", err)
}

func refused(fields ...problem.Field) error {
	p := problem.New(problem.Invalid, "Alcuni dati mancano o non sono validi: correggi i campi indicati.")
	p.Fields = fields
	return p
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, problem.New(problem.Malformed, "Il contenuto della richiesta non è arrivato intero.").Because(err)
	}
	if len(body) > maxBody {
		return nil, problem.Newf(problem.TooLarge, "Il contenuto della richiesta supera %d kB.", maxBody>>10)
	}
	return body, nil
}

func encode(w http.ResponseWriter, op *operation, out any) error {
	if _, empty := out.(None); empty {
		w.WriteHeader(op.status)
		return nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encoding answer: %w", err)
	}
	if err := op.checkAnswer(body); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(op.status)
	_, err = w.Write(body)
	return err
}
