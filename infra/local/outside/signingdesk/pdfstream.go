package signingdesk

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxUnpacked bounds what a stream of structure may grow to.
const maxUnpacked = 64 << 20

// readStreamSection reads a cross-reference stream (ISO 32000-1, 7.5.8).
func (d *document) readStreamSection(at int) (dictionary, error) {
	body, err := d.bodyAt(at)
	if err != nil {
		return nil, err
	}
	head, data, err := d.unpack(body)
	if err != nil {
		return nil, err
	}
	written, _ := head.get("W")
	w := numbers(written)
	if len(w) != 3 || min(w[0], w[1], w[2]) < 0 || max(w[0], w[1], w[2]) > 8 || w[1] == 0 {
		return nil, errBroken
	}
	size, _ := head.get("Size")
	sections := []int{0, len(data)}
	if n, err := strconv.Atoi(size); err == nil {
		sections[1] = n
	}
	if index, has := head.get("Index"); has {
		sections = numbers(index)
	}
	row := w[0] + w[1] + w[2]
	for ; len(sections) >= 2; sections = sections[2:] {
		for n := sections[0]; n < sections[0]+sections[1] && len(data) >= row; n++ {
			kind := 1
			if w[0] > 0 {
				kind = whole(data[:w[0]])
			}
			second, third := whole(data[w[0]:w[0]+w[1]]), whole(data[w[0]+w[1]:row])
			data = data[row:]
			switch kind {
			case 1:
				d.found(n, place{offset: second})
			case 2:
				d.found(n, place{stream: second, index: third})
			}
		}
	}
	return head, nil
}

// numbers are those of an array.
func numbers(array string) []int {
	var list []int
	for _, word := range strings.Fields(strings.Trim(array, "[]")) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}

func whole(raw []byte) int {
	n := 0
	for _, c := range raw {
		n = n<<8 | int(c)
	}
	return n
}

// unpack is a stream's dictionary and its bytes: plain or by Flate, the one filter that programs use
// for structure.
func (d *document) unpack(body []byte) (dictionary, []byte, error) {
	head, err := parseDictionary(body)
	if err != nil {
		return nil, nil, err
	}
	end, err := valueEnd(body, 0, 0)
	if err != nil {
		return nil, nil, err
	}
	rest, is := bytes.CutPrefix(body[skipSpace(body, end):], []byte("stream"))
	if !is {
		return nil, nil, errBroken
	}
	rest = bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte("\r")), []byte("\n"))
	data, err := d.bounded(head, rest)
	if err != nil {
		return nil, nil, err
	}
	filter, has := head.get("Filter")
	if !has {
		return head, data, nil
	}
	if strings.Trim(filter, "[]"+whitespace) != "/FlateDecode" {
		return nil, nil, errBroken
	}
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, nil, errBroken
	}
	if data, err = io.ReadAll(io.LimitReader(z, maxUnpacked)); err != nil {
		return nil, nil, errBroken
	}
	data, err = unpredict(head, data)
	return head, data, err
}

// bounded cuts a stream at its length, which may be an object of its own.
func (d *document) bounded(head dictionary, rest []byte) ([]byte, error) {
	length, _ := head.get("Length")
	if n := number(length); n >= 0 {
		if p := d.places[n]; p.stream != 0 { // it would be found through a stream again
			return nil, errBroken
		}
		var err error
		if length, err = d.object(n); err != nil {
			return nil, err
		}
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > len(rest) {
		return nil, errBroken
	}
	return rest[:n], nil
}

// unpredict undoes the PNG predictors none, sub and up, which structure is written with (7.4.4.4).
func unpredict(head dictionary, data []byte) ([]byte, error) {
	written, has := head.get("DecodeParms")
	if !has {
		return data, nil
	}
	parameters, err := parseDictionary([]byte(strings.Trim(written, "[]"+whitespace)))
	if err != nil {
		return nil, err
	}
	if p, _ := parameters.get("Predictor"); p == "" || p == "1" {
		return data, nil
	}
	width := 1
	if columns, has := parameters.get("Columns"); has {
		if width, err = strconv.Atoi(columns); err != nil || width < 1 || width > 1<<16 {
			return nil, errBroken
		}
	}
	var out []byte
	above := make([]byte, width)
	for len(data) > width {
		kind, row := data[0], bytes.Clone(data[1:width+1])
		for i := range row {
			switch {
			case kind == 1 && i > 0:
				row[i] += row[i-1]
			case kind == 2:
				row[i] += above[i]
			case kind > 2:
				return nil, errBroken
			}
		}
		out, above, data = append(out, row...), row, data[width+1:]
	}
	return out, nil
}

// packed is an object of an object stream (7.5.7): pairs of number and offset, then the values.
func (d *document) packed(p place) (string, error) {
	outer, found := d.places[p.stream]
	if !found || outer.stream != 0 {
		return "", errBroken
	}
	body, err := d.bodyAt(outer.offset)
	if err != nil {
		return "", err
	}
	head, data, err := d.unpack(body)
	if err != nil {
		return "", err
	}
	written, _ := head.get("First")
	first, err := strconv.Atoi(written)
	if err != nil || first < 0 || first > len(data) {
		return "", errBroken
	}
	pairs := strings.Fields(string(data[:first]))
	if p.index < 0 || 2*p.index+1 >= len(pairs) {
		return "", errBroken
	}
	offset, err := strconv.Atoi(pairs[2*p.index+1])
	if err != nil || offset < 0 || first+offset >= len(data) {
		return "", errBroken
	}
	value := data[skipSpace(data, first+offset):]
	end, err := valueEnd(value, 0, 0)
	if err != nil {
		return "", err
	}
	return string(value[:end]), nil
}

// writeStream writes the new section as a stream, which lists itself too.
func (u *update) writeStream(b *bytes.Buffer, objects []int, offsets map[int]int) {
	own := u.next
	offsets[own] = b.Len()
	var index strings.Builder
	var rows []byte
	for _, n := range append(objects, own) {
		fmt.Fprintf(&index, " %d 1", n)
		rows = append(rows, 1)
		rows = binary.BigEndian.AppendUint32(rows, uint32(offsets[n]))
		rows = append(rows, 0)
	}
	head := u.trailer(own+1).with("Type", "/XRef").with("W", "[1 4 1]").with("Index", "["+index.String()+" ]").with("Length", strconv.Itoa(len(rows)))
	fmt.Fprintf(b, "%d 0 obj\n%s\nstream\n%s\nendstream\nendobj\n", own, head, rows)
}
