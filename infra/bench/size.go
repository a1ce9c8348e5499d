package main

import (
	"archive/zip"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
)

// mega is what a size in MB counts by.
const mega = 1 << 20

// sizes builds every function for the processor that the template asks for and packs it as it is uploaded.
func sizes(b *bench) ([]line, error) {
	folder := filepath.Join(b.folder, "arm64") + string(filepath.Separator)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	packages := []string{"-o", folder}
	for _, f := range b.deployment.functions {
		packages = append(packages, "./functions/"+f.Folder)
	}
	if err := b.compile(b.ctx, []string{"GOOS=linux", "GOARCH=arm64"}, packages...); err != nil {
		return nil, err
	}
	var lines []line
	for _, f := range b.deployment.functions {
		raw, packed, err := zipped(folder + f.Folder)
		if err != nil {
			return nil, err
		}
		lines = append(lines, result("size."+f.Folder, float64(packed)/mega, "MB", atMost(8), map[string]any{
			"binaryMB": round(float64(raw) / mega), "flags": b.flags, "target": "linux/arm64", "MB": "1048576 bytes",
		}))
	}
	return lines, nil
}

// zipped is the size of a file, and of an archive that holds it alone under the name bootstrap.
func zipped(file string) (raw, packed int64, err error) {
	binary, err := os.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer binary.Close()
	var size counter
	archive := zip.NewWriter(&size)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	entry, err := archive.Create("bootstrap")
	if err != nil {
		return 0, 0, err
	}
	if raw, err = io.Copy(entry, binary); err != nil {
		return 0, 0, err
	}
	if err := archive.Close(); err != nil {
		return 0, 0, err
	}
	return raw, int64(size), nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
