package inspect

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"regexp"
	"strings"
)

// Bounds of an archive: it is looked through, and the few parts that are read are small.
const (
	maxParts    = 10_000
	maxPart     = 1 << 20
	maxRead     = 16 << 20 // of all parts that are read
	maxUnpacked = 512 << 20
)

// zipType tells an office document from a plain archive.
func zipType(data []byte) Type {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return ZIP
	}
	for i, f := range z.File[:min(len(z.File), maxParts)] {
		switch {
		case i == 0 && f.Name == "mimetype": // OpenDocument 1.2 part 3, 3.3
			switch kind := Type(strings.TrimSpace(part(f))); kind {
			case ODT, ODS:
				return kind
			}
		case strings.HasPrefix(f.Name, "word/"):
			return DOCX
		case strings.HasPrefix(f.Name, "xl/"):
			return XLSX
		case strings.HasPrefix(f.Name, "ppt/"):
			return PPTX
		}
	}
	return ZIP
}

// part is a small part's text; empty if it cannot be read.
func part(f *zip.File) string {
	r, err := f.Open()
	if err != nil {
		return ""
	}
	defer func() { _ = r.Close() }() // nothing was written
	body, err := io.ReadAll(io.LimitReader(r, maxPart))
	if err != nil {
		return ""
	}
	return string(body)
}

// archive looks for macros and programs in an office document or archive. Sizes are as the archive says: nothing is unpacked by them.
func archive(data []byte) *Finding {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return refused(Damaged)
	}
	if len(z.File) > maxParts {
		return refused(TooComplicated)
	}
	total, read := uint64(0), 0
	for _, f := range z.File {
		if total += f.UncompressedSize64; f.UncompressedSize64 > maxUnpacked || total > maxUnpacked {
			return refused(TooComplicated)
		}
		if f.Flags&1 != 0 {
			return refused(Locked)
		}
		if finding := named(f); finding != nil {
			return finding
		}
		finding, n := says(f)
		if read += n; finding == nil && read > maxRead {
			finding = refused(TooComplicated)
		}
		if finding != nil {
			return finding
		}
	}
	return nil
}

// named judges a part by its name.
func named(f *zip.File) *Finding {
	name := strings.ToLower(strings.ReplaceAll(f.Name, "\\", "/"))
	switch base := path.Base(name); {
	case strings.HasPrefix(base, "vbaproject") || strings.HasPrefix(base, "vbadata") || strings.Contains(name, "macrosheets/") ||
		strings.HasPrefix(name, "basic/") || strings.HasPrefix(name, "scripts/") || strings.Contains(name, "activex/") || strings.Contains(name, "embeddings/oleobject"):
		return refused(Macros)
	case program[path.Ext(base)]:
		return refused(Program)
	}
	return nil
}

// says judges the parts that say how the document acts by what they say, and tells how much was read.
func says(f *zip.File) (*Finding, int) {
	name := strings.ToLower(f.Name)
	switch {
	case name == "[content_types].xml":
		text := strings.ToLower(part(f))
		if strings.Contains(text, "macroenabled") {
			return refused(Macros), len(text)
		}
		return nil, len(text)
	case strings.HasSuffix(name, ".rels"):
		text := part(f)
		if fetches(text) {
			return refused(Macros), len(text)
		}
		return nil, len(text)
	}
	return nil, 0
}

// onDisk is a file of whoever opens the document: Word notes by itself where the template was that a document was begun from.
var onDisk = regexp.MustCompile(`(?i)^((file:///)?[a-z]:[\\/]|file:///(users|library|applications)/|[^:\\/%]+$)`)

// fetches tells whether a document takes its template, or an object, from elsewhere: it takes their macros too.
func fetches(relations string) bool {
	decoder := xml.NewDecoder(strings.NewReader(relations))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return false
		}
		if err != nil { // another reader may make something of it
			text := strings.ToLower(relations)
			return strings.Contains(text, "external") && (strings.Contains(text, "/attachedtemplate") || strings.Contains(text, "/oleobject"))
		}
		if element, begins := token.(xml.StartElement); begins && fetched(element) {
			return true
		}
	}
}

func fetched(relation xml.StartElement) bool {
	said := map[string]string{}
	for _, a := range relation.Attr {
		if a.Name.Space == "" {
			said[a.Name.Local] = a.Value
		}
	}
	kind := strings.ToLower(path.Base(said["Type"]))
	return strings.EqualFold(said["TargetMode"], "External") && (kind == "attachedtemplate" || kind == "oleobject") && !onDisk.MatchString(said["Target"])
}

var program = map[string]bool{".exe": true, ".dll": true, ".scr": true, ".com": true, ".bat": true, ".cmd": true, ".ps1": true, ".vbs": true,
	".vbe": true, ".js": true, ".jse": true, ".wsf": true, ".hta": true, ".msi": true, ".jar": true, ".lnk": true, ".sh": true, ".app": true, ".cpl": true, ".class": true}
