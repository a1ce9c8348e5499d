package build

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// whenChanged makes the targets if one is absent or the contents of the
// sources (files and folders, relative to the repository) are not those noted
// at the last making.
func (b *builder) whenChanged(note string, sources, targets []string, make func() error) (bool, error) {
	print, err := b.fingerprint(sources)
	if err != nil {
		return false, err
	}
	there := !slices.ContainsFunc(targets, func(t string) bool {
		_, err := os.Stat(t)
		return err != nil
	})
	if have, err := os.ReadFile(note); err == nil && there && string(have) == print {
		return false, nil
	}
	if err := make(); err != nil {
		return true, err
	}
	return true, os.WriteFile(note, []byte(print), 0o644)
}

// adopt notes a target that something else made after the last change of its
// sources, so that it is not made again.
func (b *builder) adopt(note string, sources []string, target string) error {
	made, err := os.Stat(target)
	if err != nil {
		return nil
	}
	if noted, err := os.Stat(note); err == nil && !noted.ModTime().Before(made.ModTime()) {
		return nil
	}
	fresh := true
	err = b.walk(sources, func(path string, entry fs.DirEntry) error {
		info, err := entry.Info()
		if err == nil && info.ModTime().After(made.ModTime()) {
			fresh = false
		}
		return err
	})
	if err != nil || !fresh {
		return err
	}
	print, err := b.fingerprint(sources)
	if err != nil {
		return err
	}
	return os.WriteFile(note, []byte(print), 0o644)
}

// fingerprint is a hash of the names and contents of all source files.
func (b *builder) fingerprint(sources []string) (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	err := b.walk(sources, func(path string, _ fs.DirEntry) error {
		_, _ = fmt.Fprintln(h, path)
		return hashFile(h, path)
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// walk visits every source file; a source that is not there has none.
func (b *builder) walk(sources []string, visit func(path string, entry fs.DirEntry) error) error {
	for _, source := range sources {
		err := filepath.WalkDir(b.path(source), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case entry.IsDir() && generated(entry.Name()):
				return filepath.SkipDir
			case !entry.Type().IsRegular() || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			return visit(path, entry)
		})
		if err != nil {
			return fmt.Errorf("reading sources: %w", err)
		}
	}
	return nil
}

// generated folders hold nothing that anything is built from.
func generated(name string) bool {
	return name == "node_modules" || name == "dist" || name == "testdata" || strings.HasPrefix(name, ".")
}

func hashFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
