package evidence

import "slices"

// Without writes it anew without a file.
func Without(data []byte, path string) []byte {
	return again(data, func(m *manifest, files []file) []file {
		m.Files = slices.DeleteFunc(m.Files, func(l listed) bool { return l.Path == path })
		return slices.DeleteFunc(files, func(f file) bool { return f.name == path })
	})
}

// Rewrite writes the zip anew with other words in the list.
func Rewrite(data []byte, change func(list string) string) []byte {
	files, err := unzip(data)
	if err != nil {
		return data
	}
	files[0].body = []byte(change(string(files[0].body)))
	return zipped(files)
}
