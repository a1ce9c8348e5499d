package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Folder is a copy of the archive's bucket, objects as files.
type Folder struct {
	root *os.Root
	// versions is where the local cloud's S3 keeps what was replaced or deleted; empty for a copy.
	versions string
}

// OpenFolder opens a copy of the archive.
func OpenFolder(path string) (*Folder, error) { return openFolder(path, "") }

func openFolder(path, versions string) (*Folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	return &Folder{root, versions}, nil
}

// scratch is where the local cloud's S3 writes what is still being put.
const scratch = ".sgwtmp"

// List implements Objects.
func (f *Folder) List(context.Context) ([]Object, error) {
	var objects []Object
	err := fs.WalkDir(f.root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path == scratch:
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		objects = append(objects, Object{Key: path, Size: info.Size(), Versions: 1})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the archive: %w", err)
	}
	lost, err := f.replaced(objects)
	if err != nil {
		return nil, err
	}
	objects = append(objects, lost...)
	slices.SortFunc(objects, func(a, b Object) int { return cmp.Compare(a.Key, b.Key) })
	return objects, nil
}

// replaced counts the versions that are no longer the latest, and returns those of which no object is left. The local cloud's S3 keeps each below
// a folder named by the digest of its key.
func (f *Folder) replaced(objects []Object) (lost []Object, err error) {
	if f.versions == "" {
		return nil, nil
	}
	at := map[string]*Object{}
	for n, o := range objects {
		sum := sha256.Sum256([]byte(o.Key))
		at[hex.EncodeToString(sum[:])] = &objects[n]
	}
	err = filepath.WalkDir(f.versions, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) || err == nil && entry.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		key := filepath.Base(filepath.Dir(path))
		if o := at[key]; o != nil {
			same, err := f.same(o.Key, path)
			if err != nil {
				return err
			}
			if !same {
				o.Versions++
			}
		} else {
			lost = append(lost, Object{Key: "(oggetto tolto) " + key, Versions: 1, Deleted: true})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing old versions: %w", err)
	}
	return lost, nil
}

// same tells whether an old version of an object has the bytes of the one that is there.
func (f *Folder) same(key, version string) (bool, error) {
	now, err := f.root.ReadFile(filepath.FromSlash(key))
	if err != nil {
		return false, fmt.Errorf("reading an object of the archive: %w", err)
	}
	old, err := os.ReadFile(version)
	if err != nil {
		return false, fmt.Errorf("reading an old version: %w", err)
	}
	return bytes.Equal(now, old), nil
}

// Get implements Objects.
func (f *Folder) Get(_ context.Context, key string) ([]byte, error) {
	body, err := f.root.ReadFile(filepath.FromSlash(key))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading an object of the archive: %w", err)
	}
	return body, nil
}

var _ Objects = (*Folder)(nil)
