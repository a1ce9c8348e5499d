package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is a Store and a Documents in memory, for tests and the simulation.
type Memory struct {
	mu      sync.RWMutex
	objects map[string]object
	signed  map[string]File
}

type object struct {
	body      []byte
	mediaType string
}

var (
	_ Store     = (*Memory)(nil)
	_ Documents = (*Memory)(nil)
)

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string]object{}, signed: map[string]File{}} }

// Put implements Store and Documents.
func (m *Memory) Put(_ context.Context, key string, body []byte, mediaType string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.objects[key]; ok {
		if !bytes.Equal(old.body, body) {
			return fmt.Errorf("putting %s: %w", key, ErrDifferent)
		}
		return nil
	}
	m.objects[key] = object{slices.Clone(body), mediaType}
	return nil
}

// Get implements Store.
func (m *Memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("getting %s: %w", key, ErrNotFound)
	}
	return slices.Clone(o.body), nil
}

// List implements Store.
func (m *Memory) List(_ context.Context, prefix, after string, limit int) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var keys []string
	for key := range m.objects {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	if len(keys) > limit {
		keys = keys[:limit]
	}
	return keys, nil
}

// Presign implements Documents. The upload is then made with Upload, by whoever plays the browser.
func (m *Memory) Presign(_ context.Context, key string, file File) (Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.signed[key] = file
	return Upload{
		Method: "PUT", URL: "memory:" + key,
		Headers: map[string]string{
			"Content-Type":          file.MediaType,
			"Content-Length":        strconv.FormatInt(file.Size, 10),
			"x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(file.SHA256[:]),
			"If-None-Match":         "*",
		},
		Expires: time.Time{},
	}, nil
}

// Upload plays the browser's PUT: it refuses what the signature would refuse.
func (m *Memory) Upload(key string, body []byte, mediaType string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	file, ok := m.signed[key]
	switch {
	case !ok:
		return fmt.Errorf("uploading %s: not signed", key)
	case int64(len(body)) != file.Size || mediaType != file.MediaType || sha256.Sum256(body) != file.SHA256:
		return fmt.Errorf("uploading %s: not the signed file", key)
	}
	if _, there := m.objects[key]; !there {
		m.objects[key] = object{slices.Clone(body), mediaType}
	}
	return nil
}

// Open implements Documents.
func (m *Memory) Open(_ context.Context, key string) (Object, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.objects[key]
	if !ok {
		return Object{}, fmt.Errorf("opening %s: %w", key, ErrNotFound)
	}
	return Object{Body: io.NopCloser(bytes.NewReader(o.body)), Size: int64(len(o.body)), MediaType: o.mediaType}, nil
}

// Copy implements Documents.
func (m *Memory) Copy(ctx context.Context, from, to string) error {
	body, err := m.Get(ctx, from)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[to] = object{body, m.objects[from].mediaType}
	return nil
}

// Delete implements Documents.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// Link implements Documents.
func (m *Memory) Link(_ context.Context, key, _ string) (string, error) { return "memory:" + key, nil }
