// Package build makes what the local cloud runs, as far as it is stale: the
// emulators, the functions for this host, the outside world, the operator's
// tool and the site. Each phase says how long it took.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sportello/infra/local/process"
)

// Config says what to build and where to.
type Config struct {
	// Root is the repository, Bin the folder for binaries.
	Root, Bin string
	// Output receives what the tools print.
	Output io.Writer
	// Report gets one line for each phase that had work to do.
	Report func(phase string, took time.Duration)
}

// Run builds all that is stale. What is fresh costs reading its sources once.
func Run(ctx context.Context, c Config) error {
	if err := os.MkdirAll(c.Bin, 0o755); err != nil {
		return fmt.Errorf("building: %w", err)
	}
	b := &builder{Config: c}
	// The Go compiler takes all cores by itself; npm mostly waits for others.
	rows := [][]phase{
		{{"emulators (npm)", b.modules("infra/local/npm")}, {"site's tools (npm)", b.modules("infra/site")}, {"site", b.site}},
		{{"functions", b.functions}, {"outside world", b.outside}, {"S3 emulator", b.gateway}},
	}
	problems := make([]error, len(rows))
	var wg sync.WaitGroup
	for i, row := range rows {
		wg.Go(func() { problems[i] = b.row(ctx, row) })
	}
	wg.Wait()
	return errors.Join(problems...)
}

type builder struct {
	Config
	mu sync.Mutex
}

// phase is one step; work says whether there was anything to do.
type phase struct {
	name string
	work func(ctx context.Context) (bool, error)
}

func (b *builder) row(ctx context.Context, row []phase) error {
	for _, p := range row {
		began := time.Now()
		worked, err := p.work(ctx)
		if err != nil {
			return fmt.Errorf("building %s: %w", p.name, err)
		}
		if worked && b.Report != nil {
			b.mu.Lock()
			b.Report(p.name, time.Since(began))
			b.mu.Unlock()
		}
	}
	return nil
}

func (b *builder) path(parts ...string) string {
	return filepath.Join(append([]string{b.Root}, parts...)...)
}

// run runs a tool; what it prints is shown only if it fails.
func (b *builder) run(ctx context.Context, dir string, environment []string, name string, args ...string) error {
	tool, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("finding %s: %w", name, err)
	}
	var said strings.Builder
	err = process.Run(ctx, process.Config{
		Name: name + " " + strings.Join(args[:min(2, len(args))], " "), Path: tool, Args: args, Dir: dir,
		Env: process.Environment(environment...), Output: &said,
	})
	if err != nil {
		_, _ = io.WriteString(b.Output, said.String())
	}
	return err
}

// modules installs the packages of a folder when its lock is newer than what
// npm noted of its last installation.
func (b *builder) modules(folder string) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		dir := b.path(folder)
		lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if have, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil && !have.ModTime().Before(lock.ModTime()) {
			return false, nil
		}
		return true, b.run(ctx, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	}
}

// alike is the environment of every build. With it and -trimpath everywhere, what the programs have in common (the standard
// library, the AWS SDK) is compiled once: it halves the first start.
var alike = []string{"CGO_ENABLED=0"}

// gateway builds versitygw, which takes a minute, when there is none or its
// pinned version changed.
func (b *builder) gateway(ctx context.Context) (bool, error) {
	binary := filepath.Join(b.Bin, "versitygw")
	pin, err := os.Stat(b.path("infra", "local", "tools", "go.sum"))
	if err != nil {
		return false, err
	}
	if have, err := os.Stat(binary); err == nil && !have.ModTime().Before(pin.ModTime()) {
		return false, nil
	}
	err = b.run(ctx, b.path("infra", "local", "tools"), alike, "go", "build", "-trimpath", "-ldflags=-s",
		"-o", binary, "github.com/versity/versitygw/cmd/versitygw")
	if err != nil {
		return true, err
	}
	// The Go command leaves alone a binary that would be the same.
	now := time.Now()
	return true, os.Chtimes(binary, now, now)
}

func (b *builder) outside(ctx context.Context) (bool, error) {
	return b.whenChanged(filepath.Join(b.Bin, ".outside"), []string{"infra/local"}, []string{filepath.Join(b.Bin, "outside")}, func() error {
		return b.run(ctx, b.path("infra", "local"), alike, "go", "build", "-trimpath", "-o", filepath.Join(b.Bin, "outside"), "./cmd/outside")
	})
}

// functions builds every function with the flags of a deployment, and the
// operator's tool and the verifier beside them. One Go command does all: it shares what they
// have in common and links them side by side.
func (b *builder) functions(ctx context.Context) (bool, error) {
	folders, err := filepath.Glob(b.path("functions", "*", "main.go"))
	if err != nil {
		return false, err
	}
	if len(folders) == 0 {
		return false, errors.New("there are no functions")
	}
	packages, wanted := []string{}, []string{}
	for _, f := range folders {
		name := filepath.Base(filepath.Dir(f))
		packages = append(packages, "./functions/"+name)
		wanted = append(wanted, filepath.Join(b.Bin, name, "bootstrap"))
	}
	sources := []string{"functions", "shared", "go.mod", "go.sum"}
	for _, tool := range []string{"operator", "verify"} {
		files, err := filepath.Glob(b.path("infra", tool, "*.go"))
		if err != nil {
			return false, err
		}
		if len(files) > 0 {
			packages = append(packages, "./infra/"+tool)
			wanted = append(wanted, filepath.Join(b.Bin, tool))
			sources = append(sources, "infra/"+tool)
		}
	}
	return b.whenChanged(filepath.Join(b.Bin, ".functions"), sources, wanted, func() error {
		stage := filepath.Join(b.Bin, ".stage")
		if err := os.MkdirAll(stage, 0o755); err != nil {
			return err
		}
		args := append([]string{"build", "-trimpath", "-ldflags=-s", "-tags=lambda.norpc", "-o", stage + string(filepath.Separator)}, packages...)
		if err := b.run(ctx, b.Root, alike, "go", args...); err != nil {
			return err
		}
		return b.place(stage, wanted)
	})
}

// place links the binaries to where they are run from. A link is made beside
// and renamed: an instance that runs the old binary keeps it.
func (b *builder) place(stage string, wanted []string) error {
	for _, target := range wanted {
		name := filepath.Base(target)
		if name == "bootstrap" {
			name = filepath.Base(filepath.Dir(target))
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		built, err := os.Stat(filepath.Join(stage, name))
		if err != nil {
			return err
		}
		// Renaming a link over another link of the same file does nothing.
		if have, err := os.Stat(target); err == nil && os.SameFile(built, have) {
			continue
		}
		fresh := target + ".new"
		_ = os.Remove(fresh)
		if err := os.Link(filepath.Join(stage, name), fresh); err != nil {
			return err
		}
		if err := os.Rename(fresh, target); err != nil {
			return err
		}
	}
	return nil
}

// site builds the static site when its sources, or the catalogue it shows,
// changed. A site that something else has built since is fresh too.
func (b *builder) site(ctx context.Context) (bool, error) {
	dir := b.path("infra", "site")
	if _, err := os.Stat(filepath.Join(dir, "package.json")); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	index := filepath.Join(dir, "dist", "index.html")
	sources := []string{
		"infra/site/src", "infra/site/public", "infra/site/scripts", "infra/site/package-lock.json", "infra/site/vite.config.ts",
		"shared/domain/catalogue", "shared/edge/httpapi/openapi.json",
	}
	note := filepath.Join(b.Bin, ".site")
	if err := b.adopt(note, sources, index); err != nil {
		return false, err
	}
	return b.whenChanged(note, sources, []string{index}, func() error {
		return b.run(ctx, dir, nil, "npm", "run", "--silent", "build")
	})
}
