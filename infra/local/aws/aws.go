// Package aws answers the few calls of AWS's control services that the product
// makes, in their real protocols: KMS and SSM (JSON, by X-Amz-Target) and the
// API keys of API Gateway (REST JSON). Everything is kept in files, readable by
// their owner only. A call that is not here is refused by name.
package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Services answers requests for all of them at one address.
type Services struct {
	Keys       *Keys
	Parameters *Parameters
	Gateway    *Gateway
}

// Config is what the services need.
type Config struct {
	// Dir is where they keep their files.
	Dir             string
	Region, Account string
	Now             func() time.Time
}

// Open loads what is in the folder.
func Open(c Config) (*Services, error) {
	if c.Dir == "" || c.Now == nil {
		return nil, errors.New("the control services need a folder and a clock")
	}
	keys, err := openKeys(c)
	if err != nil {
		return nil, err
	}
	parameters, err := openParameters(c)
	if err != nil {
		return nil, err
	}
	gateway, err := openGateway(c)
	if err != nil {
		return nil, err
	}
	return &Services{keys, parameters, gateway}, nil
}

// failure is an error as the JSON protocols carry it.
type failure struct {
	kind, message string
	status        int
}

func (f failure) Error() string { return f.kind + ": " + f.message }

func refuse(kind, format string, args ...any) error {
	return failure{kind, fmt.Sprintf(format, args...), http.StatusBadRequest}
}

const maximum = 1 << 20

func (s *Services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maximum))
	if err != nil {
		write(w, "", nil, refuse("ValidationException", "the request is too large"))
		return
	}
	target := r.Header.Get("X-Amz-Target")
	service, operation, _ := strings.Cut(target, ".")
	switch service {
	case "TrentService":
		out, err := s.Keys.call(operation, body)
		write(w, r.Header.Get("Content-Type"), out, err)
	case "AmazonSSM":
		out, err := s.Parameters.call(operation, body)
		write(w, r.Header.Get("Content-Type"), out, err)
	case "":
		s.Gateway.serve(w, r, body)
	default:
		write(w, "", nil, refuse("UnknownOperationException", "%s is not part of the local cloud", target))
	}
}

func write(w http.ResponseWriter, contentType string, out any, err error) {
	if contentType == "" {
		contentType = "application/x-amz-json-1.1"
	}
	w.Header().Set("Content-Type", contentType)
	if err != nil {
		var f failure
		if !errors.As(err, &f) {
			f = failure{"InternalServerError", "internal error", http.StatusInternalServerError}
		}
		w.Header().Set("X-Amzn-Errortype", f.kind)
		w.WriteHeader(f.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.kind, "message": f.message})
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

// operation decodes a request of type I for f.
func operation[I any](f func(I) (any, error)) func([]byte) (any, error) {
	return func(body []byte) (any, error) {
		var in I
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, refuse("SerializationException", "the request is not the JSON expected")
		}
		return f(in)
	}
}

// seconds is a time as the JSON protocols write it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// save replaces a file in one step: a crash leaves the old one or the new one.
func save(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(text)
	if err == nil {
		err = temporary.Sync()
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// load reads what save wrote; no file leaves v as it is.
func load(path string, v any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
