package casedesk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Cases is the answer to a list of cases: the fields these pages show.
type Cases struct {
	Items  []Case `json:"items"`
	Cursor string `json:"cursor"`
}

// Case is a case as the chamber API gives it: the fields these pages show.
type Case struct {
	ID      string `json:"id"`
	Service string `json:"service"`
	State   string `json:"state"`
	Profile struct {
		Kind, TaxCode, Name string
	} `json:"profile"`
	PresentedAt time.Time `json:"presentedAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
	Protocol    *struct {
		Number string `json:"number"`
		Year   int    `json:"year"`
		Date   string `json:"date"`
	} `json:"protocol"`
	Deadline *struct {
		Due       string `json:"due"`
		Suspended bool   `json:"suspended"`
	} `json:"deadline"`
	// Officer is named by tax code: who it is, the chamber knows.
	Officer *struct {
		TaxCode string `json:"taxCode"`
	} `json:"officer"`
	Outcome *struct {
		Kind string    `json:"kind"`
		Text string    `json:"text"`
		At   time.Time `json:"at"`
	} `json:"outcome"`
	Answers     map[string]any `json:"answers"`
	Attachments []File         `json:"attachments"`
	Documents   []File         `json:"documents"`
	Messages    []struct {
		From string    `json:"from"`
		Text string    `json:"text"`
		At   time.Time `json:"at"`
	} `json:"messages"`
	Mail []struct {
		Kind  string    `json:"kind"`
		State string    `json:"state"`
		At    time.Time `json:"at"`
	} `json:"mail"`
}

// StateName is the Italian word of the case's state.
func (c Case) StateName() string { return StateName(c.State) }

// File is an attachment or a document of a case.
type File struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Size      int64     `json:"size"`
	MediaType string    `json:"mediaType"`
	SHA256    string    `json:"sha256"`
	At        time.Time `json:"at"`
	// Signature is what was found of the file's signatures, where the form asks for them.
	Signature *struct {
		Text string `json:"text"`
	} `json:"signature"`
}

// Timeline is the life of a case.
type Timeline struct {
	Items []struct {
		At       time.Time `json:"at"`
		Title    string    `json:"title"`
		Actor    string    `json:"actor"`
		Text     string    `json:"text"`
		Document string    `json:"document"`
	} `json:"items"`
	Next []struct {
		Title string `json:"title"`
		Due   string `json:"due"`
	} `json:"next"`
}

// problem is an RFC 9457 answer; as an error it says what it says to a person.
type problem struct {
	Title    string `json:"title"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	Errors   []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
	status int
}

func (p *problem) Error() string {
	parts := []string{fmt.Sprintf("lo sportello ha risposto %d", p.status)}
	for _, s := range []string{p.Title, p.Detail} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	for _, e := range p.Errors {
		parts = append(parts, e.Pointer+": "+e.Detail)
	}
	if p.Instance != "" {
		parts = append(parts, "richiesta "+p.Instance)
	}
	return strings.Join(parts, " – ")
}

const maxAnswer = 8 << 20

// call asks the chamber API for JSON. in and out may be nil.
func (d *Desk) call(ctx context.Context, at door, method, path string, in, out any) error {
	resp, err := d.request(ctx, at, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("la risposta dello sportello si è interrotta: %w", err)
	}
	if resp.StatusCode >= 300 {
		p := &problem{status: resp.StatusCode}
		_ = json.Unmarshal(raw, p) // an answer that is no problem+json has its status at least
		return p
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("la risposta dello sportello non è leggibile: %w", err)
	}
	return nil
}

func (d *Desk) request(ctx context.Context, at door, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.Portal+"/chamber/v1"+path, body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("x-api-key", at.key)
	req.Header.Set("X-Officer", at.officer)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := d.client.Do(req)
	if err != nil {
		d.Log.Warn("chamber API not reached", "err", err)
		return nil, errors.New("lo sportello non è raggiungibile")
	}
	return resp, nil
}

// locate asks for a document and returns the link the API redirects to.
func (d *Desk) locate(ctx context.Context, at door, path string) (string, error) {
	resp, err := d.request(ctx, at, http.MethodGet, path, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		p := &problem{status: resp.StatusCode}
		_ = json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(p) // its status is enough
		return "", p
	}
	return resp.Header.Get("Location"), nil
}

// upload declares a file, puts its bytes where the API says and has them checked. It returns the
// attachment's id.
func (d *Desk) upload(r *http.Request, at door, name string, raw []byte) (string, error) {
	sum := sha256.Sum256(raw)
	var made struct {
		ID     string `json:"id"`
		Upload struct {
			URL     string            `json:"url"`
			Method  string            `json:"method"`
			Headers map[string]string `json:"headers"`
		} `json:"upload"`
	}
	err := d.post(r, at, "/attachments", map[string]any{
		"name": name, "size": len(raw), "sha256": hex.EncodeToString(sum[:]), "mediaType": "application/pdf",
	}, &made)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(r.Context(), made.Upload.Method, made.Upload.URL, bytes.NewReader(raw))
	if err != nil {
		return "", fmt.Errorf("making the upload: %w", err)
	}
	for k, v := range made.Upload.Headers {
		req.Header.Set(k, v)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return "", errors.New("il deposito dei documenti non è raggiungibile")
	}
	defer resp.Body.Close()
	// 412: the very same bytes are there from an earlier try.
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusPreconditionFailed {
		return "", fmt.Errorf("il deposito dei documenti ha risposto %d", resp.StatusCode)
	}
	return made.ID, d.post(r, at, "/attachments/"+made.ID+"/completion", map[string]string{}, nil)
}
