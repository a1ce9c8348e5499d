package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sportello/infra/verify/source"
)

// made is what one tool says of one thing that a local cloud has made.
type made struct {
	Object string `json:"object"`
	Tool   string `json:"tool"`
	opinion
}

// errRefused is returned when a tool refuses something of ours.
var errRefused = errors.New("something that we made is refused")

// defaultSchema is where a checkout of the standards has the schema of a package's index; it is nobody's to redistribute.
const defaultSchema = "../shared/standards/conservazione/Unisincro_PIndex.xsd"

// inspection is a run over what a local cloud has made.
type inspection struct {
	openssl *openssl
	pyhanko *pyhanko
	xmllint string
	schema  string
	folder  string
	out     io.Writer
	lines   []made
	gaps    []string
}

// judgeMade has everything that a local cloud sealed, stamped and packed judged by tools that are not ours.
func (o options) judgeMade(ctx context.Context, folder string, out io.Writer) error {
	local, err := source.OpenLocal(ctx, source.LocalConfig{Data: o.data, Control: "http://127.0.0.1:8105"})
	if err != nil {
		return err
	}
	defer local.Close()
	if local.Trust == "" {
		return errors.New("the data folder has no authorities of seals and timestamps: it is of an older local cloud")
	}
	i := &inspection{folder: folder, out: out, schema: cmp.Or(o.schema, defaultSchema)}
	if err := i.tools(ctx, o.python, local.Trust); err != nil {
		return err
	}
	if i.pyhanko != nil {
		defer i.pyhanko.stop()
	}
	objects, err := local.Objects.List(ctx)
	if err != nil {
		return err
	}
	get := func(key string) ([]byte, error) { return local.Objects.Get(ctx, key) }
	for _, object := range objects {
		switch {
		case strings.HasPrefix(object.Key, "days/") && path.Base(object.Key) == "statement.json":
			err = i.day(ctx, path.Dir(object.Key), get)
		case path.Base(object.Key) == "package.zip":
			err = i.pack(ctx, object.Key, get)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", object.Key, err)
		}
	}
	if err := writeLines(o.json, i.lines); err != nil {
		return err
	}
	return i.conclude()
}

// tools finds them and says which they are. The authorities are not asked for revocation: they run only while the cloud does.
func (i *inspection) tools(ctx context.Context, python, trust string) error {
	bundle, err := os.ReadFile(trust)
	if err != nil {
		return err
	}
	a := anchors{bundle: trust}
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		file := filepath.Join(i.folder, fmt.Sprintf("root%d.crt", len(a.Roots)))
		if err := os.WriteFile(file, block.Bytes, 0o600); err != nil {
			return err
		}
		a.Roots = append(a.Roots, file)
	}
	if i.openssl = newOpenSSL(ctx, a, i.folder); i.openssl == nil {
		i.gaps = append(i.gaps, "OpenSSL is not here")
	} else {
		fmt.Fprintln(i.out, i.openssl.version)
	}
	if i.pyhanko, err = newPyHanko(ctx, python, a); err != nil {
		i.gaps = append(i.gaps, fmt.Sprintf("pyHanko is not here (%v)", err))
	} else {
		fmt.Fprintln(i.out, i.pyhanko.version)
	}
	i.xmllint, err = exec.LookPath("xmllint")
	if _, missing := os.Stat(i.schema); err != nil || missing != nil {
		i.gaps, i.xmllint = append(i.gaps, "xmllint, or the schema of a package's index (-schema), is not here"), ""
	} else {
		said, _ := exec.CommandContext(ctx, i.xmllint, "--version").CombinedOutput()
		first, _, _ := strings.Cut(string(said), "\n")
		_, version, _ := strings.Cut(first, ": ") // before it is the path that it was called by
		fmt.Fprintf(i.out, "xmllint, %s, with %s\n", version, path.Base(i.schema))
	}
	fmt.Fprint(i.out, "Chains are judged up to the root; revocation is not asked.\n\n")
	return nil
}

func (i *inspection) say(object, tool string, o opinion) {
	i.lines = append(i.lines, made{object, tool, o})
	fmt.Fprintf(i.out, "%-7s  %-11s  %-76s  %s\n", o.Verdict, tool, object, o.Words)
}

// day judges a declared day: the seal on the statement, and the timestamp on the seal.
func (i *inspection) day(ctx context.Context, folder string, get func(string) ([]byte, error)) error {
	files := map[string]string{}
	for _, name := range []string{"statement.json", "statement.p7s", "statement.tst"} {
		body, err := get(folder + "/" + name)
		if errors.Is(err, source.ErrNotFound) && name != "statement.json" {
			return nil // not sealed or stamped yet: the next run sees it
		}
		if err != nil {
			return err
		}
		if files[name] = filepath.Join(i.folder, name); os.WriteFile(files[name], body, 0o600) != nil {
			return errors.New("writing a copy")
		}
	}
	if o := i.openssl; o != nil {
		i.run(ctx, folder+"/statement.p7s", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", files["statement.p7s"],
			"-content", files["statement.json"], "-out", os.DevNull, "-CAfile", o.anchors.bundle, "-no-CApath", "-no-CAstore")
		i.run(ctx, folder+"/statement.tst", "ts", "-verify", "-data", files["statement.p7s"], "-in", files["statement.tst"], "-token_in",
			"-CAfile", o.anchors.bundle)
	}
	if i.pyhanko == nil {
		return nil
	}
	found, err := i.pyhanko.ask(question{File: files["statement.p7s"], Content: files["statement.json"]})
	i.say(folder+"/statement.p7s", PyHanko, found)
	return err
}

// run has OpenSSL say something in its own words.
func (i *inspection) run(ctx context.Context, object string, args ...string) {
	out, words, ok := i.openssl.call(ctx, args...)
	o := opinion{invalid, words}
	if ok {
		o = opinion{valid, strings.Join(strings.Fields(out+" "+words), " ")}
	}
	i.say(object, OpenSSL+" "+args[0], o)
}

// pack judges a package: its index by the schema, and the receipt that we sealed.
func (i *inspection) pack(ctx context.Context, key string, get func(string) ([]byte, error)) error {
	body, err := get(key)
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return err
	}
	for _, entry := range archive.File {
		if entry.Name != "PIndex.xml" && !strings.HasSuffix(entry.Name, "-ricevuta.pdf") {
			continue
		}
		content, err := unzipped(entry)
		if err != nil {
			return err
		}
		if entry.Name == "PIndex.xml" {
			err = i.index(ctx, key+" "+entry.Name, content)
		} else {
			err = i.receipt(ctx, key+" "+path.Base(entry.Name), content)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func unzipped(entry *zip.File) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxAnswer))
}

func (i *inspection) index(ctx context.Context, object string, content []byte) error {
	if i.xmllint == "" {
		return nil
	}
	file := filepath.Join(i.folder, "PIndex.xml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	said, err := exec.CommandContext(ctx, i.xmllint, "--nonet", "--noout", "--schema", i.schema, file).CombinedOutput()
	o := opinion{valid, strings.Join(strings.Fields(strings.ReplaceAll(string(said), file, "PIndex.xml")), " ")}
	if err != nil {
		o.Verdict = invalid
	}
	i.say(object, "xmllint", o)
	return ctx.Err()
}

func (i *inspection) receipt(ctx context.Context, object string, content []byte) error {
	if i.openssl != nil {
		all, err := pdfSignatures(content)
		if err != nil || len(all) == 0 {
			i.say(object, OpenSSL, opinion{invalid, "no signature that can be taken out of the PDF"})
		}
		for _, one := range all {
			message, err1 := i.openssl.put("message", one.message)
			covered, err2 := i.openssl.put("covered", one.covered)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			i.run(ctx, object, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", message, "-content", covered, "-out", os.DevNull,
				"-CAfile", i.openssl.anchors.bundle, "-no-CApath", "-no-CAstore")
		}
	}
	if i.pyhanko == nil {
		return nil
	}
	file := filepath.Join(i.folder, "receipt.pdf")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	found, err := i.pyhanko.ask(question{File: file})
	i.say(object, PyHanko, found)
	return err
}

// conclude sums up. Nothing judged is not a proof.
func (i *inspection) conclude() error {
	kinds := map[string][2]int{}
	bad := 0
	for _, m := range i.lines {
		object := m.Object
		if _, inside, found := strings.Cut(m.Object, " "); found {
			object = strings.TrimLeft(inside, "0123456789-")
		}
		kind := path.Base(object) + " by " + m.Tool
		n := kinds[kind]
		n[1]++
		if m.accepts() {
			n[0]++
		} else {
			bad++
		}
		kinds[kind] = n
	}
	fmt.Fprintln(i.out)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(i.out, "%-34s %d of %d accepted\n", kind, kinds[kind][0], kinds[kind][1])
	}
	for _, gap := range i.gaps {
		fmt.Fprintln(i.out, "MISSING:", gap)
	}
	switch {
	case bad > 0:
		return errRefused
	case len(i.gaps) > 0:
		return errPartial
	case len(i.lines) == 0:
		return errors.New("there is nothing to judge in this folder")
	}
	return nil
}
