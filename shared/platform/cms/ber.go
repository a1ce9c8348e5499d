package cms

// value is one value in BER (ITU-T X.690): card and signing programs stream large envelopes with indefinite lengths and content in
// pieces, which encoding/asn1 refuses by design. Slices point into the caller's bytes: a 30 MB envelope is not copied.
type value struct {
	class       byte // as in the identifier octet: 0x00 universal, 0x80 context
	tag         byte
	constructed bool
	indefinite  bool
	raw         []byte // identifier and length included
	body        []byte
}

// maxNesting is deeper than any CMS structure that is read value by value; certificates and the like are left to their own parsers.
const maxNesting = 24

const (
	universal = 0x00
	context   = 0x80

	tagInteger     = 2
	tagOctetString = 4
	tagOID         = 6
	tagSequence    = 16
	tagSet         = 17
)

// next reads the first value of data.
func next(data []byte, depth int) (v value, rest []byte, err error) {
	if len(data) < 2 || depth > maxNesting || data[0]&0x1f == 0x1f {
		return v, nil, ErrMalformed
	}
	v.class, v.tag, v.constructed = data[0]&0xc0, data[0]&0x1f, data[0]&0x20 != 0
	if data[1] == 0x80 {
		return streamed(v, data, depth)
	}
	length, header := int(data[1]), 2
	if length > 0x80 {
		count := length & 0x7f
		if count > 4 || len(data) < 2+count {
			return v, nil, ErrMalformed
		}
		length, header = 0, 2+count
		for _, b := range data[2:header] {
			length = length<<8 | int(b)
		}
	}
	if length < 0 || length > len(data)-header {
		return v, nil, ErrMalformed
	}
	v.raw, v.body = data[:header+length], data[header:header+length]
	return v, data[header+length:], nil
}

// streamed reads a value of indefinite length: values up to an end-of-contents mark.
func streamed(v value, data []byte, depth int) (value, []byte, error) {
	if !v.constructed {
		return v, nil, ErrMalformed
	}
	v.indefinite = true
	for rest := data[2:]; ; {
		if len(rest) >= 2 && rest[0] == 0 && rest[1] == 0 {
			end := len(data) - len(rest)
			v.raw, v.body = data[:end+2], data[2:end]
			return v, rest[2:], nil
		}
		var err error
		if _, rest, err = next(rest, depth+1); err != nil {
			return v, nil, err
		}
	}
}

func (v value) is(class, tag byte) bool { return v.class == class && v.tag == tag }

// reader goes through the values inside one. The first fault sticks.
type reader struct {
	rest  []byte
	depth int
	err   error
}

func (v value) inside(depth int) *reader {
	r := &reader{rest: v.body, depth: depth}
	if !v.constructed {
		r.err = ErrMalformed
	}
	return r
}

func (r *reader) more() bool { return r.err == nil && len(r.rest) > 0 }

// take reads the next value, which must be of this tag.
func (r *reader) take(class, tag byte) value {
	v := r.any()
	if r.err == nil && !v.is(class, tag) {
		r.err = ErrMalformed
	}
	return v
}

func (r *reader) any() (v value) {
	if r.err != nil {
		return v
	}
	if v, r.rest, r.err = next(r.rest, r.depth); r.err != nil {
		return value{}
	}
	return v
}

// optional reads the next value if it has this tag.
func (r *reader) optional(class, tag byte) (v value, there bool) {
	if !r.more() || r.rest[0]&0xc0 != class || r.rest[0]&0x1f != tag {
		return v, false
	}
	v = r.any()
	return v, r.err == nil
}

// octets are the bytes of an octet string. One in pieces is drawn together in place, over the pieces' own headers.
func (v value) octets(depth int) ([]byte, error) {
	if !v.constructed {
		return v.body, nil
	}
	n, err := gather(v.body, v.body, 0, depth)
	return v.body[:n:n], err
}

// gather moves the pieces in rest to to[n:], which lies at or before them.
func gather(to, rest []byte, n, depth int) (int, error) {
	for len(rest) > 0 {
		piece, after, err := next(rest, depth)
		if err != nil || !piece.is(universal, tagOctetString) {
			return n, ErrMalformed
		}
		if piece.constructed {
			n, err = gather(to, piece.body, n, depth+1)
		} else {
			n += copy(to[n:], piece.body)
		}
		if err != nil {
			return n, err
		}
		rest = after
	}
	return n, nil
}
