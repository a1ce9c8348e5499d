package evidence

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"sportello/infra/verify/finding"
)

// file is one file of the zip.
type file struct {
	name string
	body []byte
}

// headerSize is that of a local header without its name.
const headerSize = 30

const localHeader, centralHeader, endRecord = "PK\x03\x04", "PK\x01\x02", "PK\x05\x06"

// unzip reads the zip, and holds it to the one spelling that the format allows: what is written again from the files is the file, byte for byte.
// So nothing can be hidden in it, and no byte of it changes unseen.
func unzip(data []byte) ([]file, error) {
	var files []file
	seen := map[string]bool{}
	rest := data
	for bytes.HasPrefix(rest, []byte(localHeader)) {
		if len(rest) < headerSize {
			break
		}
		size, name := uint64(binary.LittleEndian.Uint32(rest[18:])), uint64(binary.LittleEndian.Uint16(rest[26:]))
		if uint64(len(rest)) < headerSize+name+size {
			break
		}
		f := file{string(rest[headerSize : headerSize+name]), rest[headerSize+name : headerSize+name+size]}
		switch {
		case seen[f.name]:
			return nil, finding.New("", "lo zip contiene due volte uno stesso file")
		case crc32.ChecksumIEEE(f.body) != binary.LittleEndian.Uint32(rest[14:]):
			return nil, finding.At(f.name, "", "non corrisponde alla somma di controllo dello zip: è cambiato")
		}
		seen[f.name] = true
		files = append(files, f)
		rest = rest[headerSize+name+size:]
	}
	if len(files) == 0 {
		return nil, finding.New("", "non è uno zip scritto nella forma prevista")
	}
	if !bytes.Equal(zipped(files), data) {
		return nil, finding.New("", "lo zip non è scritto nella forma prevista: ha byte in più, in meno o cambiati fuori dai file")
	}
	return files, nil
}

// zipped writes files as the format says: stored, no flags, no extra fields, no comments, 1 January 1980.
func zipped(files []file) []byte {
	var out, directory bytes.Buffer
	put := func(to *bytes.Buffer, values ...any) {
		for _, v := range values {
			_ = binary.Write(to, binary.LittleEndian, v) // a buffer takes everything
		}
	}
	for _, f := range files {
		at, size := uint32(out.Len()), uint32(len(f.body))
		// version needed, flags, method, time, date, check sum, sizes, length of the name, of extra fields
		common := []any{uint16(20), uint16(0), uint16(0), uint16(0), uint16(0x21), crc32.ChecksumIEEE(f.body), size, size, uint16(len(f.name)), uint16(0)}
		put(&out, []byte(localHeader))
		put(&out, common...)
		out.WriteString(f.name)
		out.Write(f.body)
		put(&directory, []byte(centralHeader), uint16(20))
		put(&directory, common...)
		// length of the comment, disk, attributes within and without, where the file begins
		put(&directory, uint16(0), uint16(0), uint16(0), uint32(0), at)
		directory.WriteString(f.name)
	}
	at, size, count := uint32(out.Len()), uint32(directory.Len()), uint16(len(files))
	out.Write(directory.Bytes())
	put(&out, []byte(endRecord), uint16(0), uint16(0), count, count, size, at, uint16(0))
	return out.Bytes()
}
