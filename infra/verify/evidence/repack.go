package evidence

import (
	"bytes"
	"encoding/json"

	"sportello/infra/verify/book"
)

// Replace writes the file anew with another body at a path, list and zip made to fit: what somebody does who wants to deceive.
func Replace(data []byte, path string, body []byte) []byte {
	return again(data, func(m *manifest, files []file) []file {
		for n := range m.Files {
			if m.Files[n].Path == path {
				m.Files[n].SHA256, m.Files[n].Size = book.Digest(body), len(body)
				files[n+1].body = body
			}
		}
		return files
	})
}

func again(data []byte, change func(*manifest, []file) []file) []byte {
	files, err := unzip(data)
	if err != nil {
		return data
	}
	m, err := readManifest(files[0].body)
	if err != nil {
		return data
	}
	files = change(&m, files)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if encoder.Encode(m) != nil {
		return data
	}
	files[0].body = out.Bytes()
	return zipped(files)
}
