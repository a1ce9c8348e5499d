package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"

	"sportello/shared/platform/archive"
)

// Archive is an archive.Store and an archive.Documents in memory, with keys sorted by folder so that a list costs little.
type Archive struct {
	mu      sync.Mutex
	objects map[string]object
	folders map[string][]string
	signed  map[string]archive.File
}

type object struct {
	body      []byte
	mediaType string
	forgotten bool
}

var (
	_ archive.Store     = (*Archive)(nil)
	_ archive.Documents = (*Archive)(nil)
)

// NewArchive returns an empty archive.
func NewArchive() *Archive {
	return &Archive{objects: map[string]object{}, folders: map[string][]string{}, signed: map[string]archive.File{}}
}

func folder(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }

func (a *Archive) add(key string, o object) {
	if _, there := a.objects[key]; !there {
		keys := a.folders[folder(key)]
		n, _ := slices.BinarySearch(keys, key)
		a.folders[folder(key)] = slices.Insert(keys, n, key)
	}
	a.objects[key] = o
}

// Put implements archive.Store and archive.Documents.
func (a *Archive) Put(_ context.Context, key string, body []byte, mediaType string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old, there := a.objects[key]; there {
		if !bytes.Equal(old.body, body) {
			return fmt.Errorf("putting %s: %w", key, archive.ErrDifferent)
		}
		return nil
	}
	a.add(key, object{body: slices.Clone(body), mediaType: mediaType})
	return nil
}

// Get implements archive.Store.
func (a *Archive) Get(_ context.Context, key string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, there := a.objects[key]
	if !there {
		return nil, fmt.Errorf("getting %s: %w", key, archive.ErrNotFound)
	}
	if o.forgotten {
		panic("store: an object that nobody should need again was read: " + key)
	}
	return slices.Clone(o.body), nil
}

// List implements archive.Store.
func (a *Archive) List(_ context.Context, prefix, after string, limit int) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var keys []string
	if sorted, ok := a.folders[prefix]; ok {
		keys = sorted
	} else {
		for name, some := range a.folders {
			if strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name) {
				keys = append(keys, some...)
			}
		}
		sort.Strings(keys)
	}
	var list []string
	start, _ := slices.BinarySearch(keys, max(prefix, after))
	for _, key := range keys[start:] {
		if len(list) == limit || !strings.HasPrefix(key, prefix) {
			break
		}
		if key > after {
			list = append(list, key)
		}
	}
	return list, nil
}

// Presign implements archive.Documents.
func (a *Archive) Presign(_ context.Context, key string, file archive.File) (archive.Upload, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signed[key] = file
	return archive.Upload{Method: "PUT", URL: "memory:" + key, Headers: map[string]string{"Content-Type": file.MediaType}}, nil
}

// Upload plays the browser's PUT: it refuses what the signature would refuse.
func (a *Archive) Upload(key string, body []byte, mediaType string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	file, ok := a.signed[key]
	if !ok || int64(len(body)) != file.Size || mediaType != file.MediaType || sha256.Sum256(body) != file.SHA256 {
		return fmt.Errorf("uploading %s: not the signed file", key)
	}
	if _, there := a.objects[key]; !there {
		a.add(key, object{body: slices.Clone(body), mediaType: mediaType})
	}
	return nil
}

// Open implements archive.Documents.
func (a *Archive) Open(_ context.Context, key string) (archive.Object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, there := a.objects[key]
	if !there {
		return archive.Object{}, fmt.Errorf("opening %s: %w", key, archive.ErrNotFound)
	}
	return archive.Object{Body: io.NopCloser(bytes.NewReader(o.body)), Size: int64(len(o.body)), MediaType: o.mediaType}, nil
}

// Copy implements archive.Documents.
func (a *Archive) Copy(_ context.Context, from, to string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, there := a.objects[from]
	if !there {
		return fmt.Errorf("copying %s: %w", from, archive.ErrNotFound)
	}
	a.add(to, o)
	return nil
}

// Delete implements archive.Documents.
func (a *Archive) Delete(_ context.Context, key string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, there := a.objects[key]; !there {
		return nil
	}
	delete(a.objects, key)
	keys := a.folders[folder(key)]
	if n, found := slices.BinarySearch(keys, key); found {
		a.folders[folder(key)] = slices.Delete(keys, n, n+1)
	}
	return nil
}

// Link implements archive.Documents.
func (a *Archive) Link(_ context.Context, key, _ string) (string, error) { return "memory:" + key, nil }

// Has tells whether an object is there; for the checks.
func (a *Archive) Has(key string) bool {
	_, there := a.objects[key]
	return there
}

// Keys returns the keys of a folder; for the checks.
func (a *Archive) Keys(folder string) []string { return slices.Clone(a.folders[folder]) }

// Forget drops the bytes of an object that nobody needs again, to save memory: reading it afterwards is a fault of the simulation.
func (a *Archive) Forget(key string) {
	if o, there := a.objects[key]; there {
		a.objects[key] = object{mediaType: o.mediaType, forgotten: true}
	}
}
