package main

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"regexp"
	"strconv"
)

// What is read here is only what OpenSSL has to be handed in pieces: it shares nothing with the readers that it is compared with.

var errShape = errors.New("not in the expected shape")

// node is a value in BER.
type node struct {
	tag      byte
	raw      []byte
	body     []byte // of a primitive one
	children []node
}

// maxNesting is deeper than any signature.
const maxNesting = 32

// readNode reads one value, of definite or indefinite length.
func readNode(in []byte, depth int) (n node, rest []byte, err error) {
	if len(in) < 2 || in[0]&0x1f == 0x1f || depth > maxNesting {
		return n, nil, errShape
	}
	n.tag = in[0]
	length, at := int(in[1]), 2
	if in[1] == 0x80 {
		return readIndefinite(in, depth)
	}
	if in[1] > 0x80 {
		count := int(in[1] & 0x7f)
		if count > 4 || len(in) < 2+count {
			return n, nil, errShape
		}
		length, at = 0, 2+count
		for _, b := range in[2:at] {
			length = length<<8 | int(b)
		}
	}
	if length > len(in)-at {
		return n, nil, errShape
	}
	n.raw, n.body, rest = in[:at+length], in[at:at+length], in[at+length:]
	if n.tag&0x20 == 0 {
		return n, rest, nil
	}
	for inner := n.body; len(inner) > 0; {
		var child node
		if child, inner, err = readNode(inner, depth+1); err != nil {
			return n, nil, err
		}
		n.children = append(n.children, child)
	}
	return n, rest, nil
}

func readIndefinite(in []byte, depth int) (n node, rest []byte, err error) {
	n.tag = in[0]
	if n.tag&0x20 == 0 {
		return n, nil, errShape
	}
	for rest = in[2:]; !bytes.HasPrefix(rest, []byte{0, 0}); {
		var child node
		if child, rest, err = readNode(rest, depth+1); err != nil {
			return n, nil, err
		}
		n.children = append(n.children, child)
	}
	rest = rest[2:]
	n.raw = in[:len(in)-len(rest)]
	return n, rest, nil
}

func (n node) child(i int) node {
	if i < 0 || i >= len(n.children) {
		return node{}
	}
	return n.children[i]
}

var timestampAttribute = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}

// stamp finds the signature value of a CMS message's first signer and the timestamp beside it; nil where there is none (RFC 5652, 5.1).
func stamp(message []byte) (value, token []byte) {
	info, _, err := readNode(message, 0)
	if err != nil {
		return nil, nil
	}
	signed := info.child(1).child(0)
	signer := signed.child(len(signed.children) - 1).child(0)
	wanted, err := asn1.Marshal(timestampAttribute)
	if err != nil {
		return nil, nil
	}
	for _, field := range signer.children {
		switch field.tag {
		case 0x04:
			value = field.body
		case 0xa1:
			for _, attribute := range field.children {
				if bytes.Equal(attribute.child(0).raw, wanted) {
					token = attribute.child(1).child(0).raw
				}
			}
		}
	}
	return value, token
}

// unwrapped takes PEM or base64 off an envelope: OpenSSL reads no bare base64, pyHanko no text at all.
func unwrapped(file []byte) []byte {
	if block, _ := pem.Decode(file); block != nil {
		return block.Bytes
	}
	text := bytes.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, file)
	if len(text) == 0 || !bytes.HasPrefix(text, []byte("M")) { // a SEQUENCE
		return file
	}
	der := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, _ := base64.StdEncoding.Decode(der, text) // what there is before a fault: a cut file is to be found cut by who judges it
	if n == 0 {
		return file
	}
	return der[:n]
}

// pdfSignature is a signature of a PDF with the bytes that it says to be over.
type pdfSignature struct{ message, covered []byte }

var byteRange = regexp.MustCompile(`/ByteRange\s*\[\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]`)

// pdfSignatures takes the signatures out of a PDF as OpenSSL wants them (ISO 32000-1, 12.8.1). Whether they cover the file is not asked.
func pdfSignatures(file []byte) ([]pdfSignature, error) {
	var all []pdfSignature
	for _, found := range byteRange.FindAllSubmatch(file, -1) {
		var at [4]int
		for i := range at {
			at[i], _ = strconv.Atoi(string(found[i+1])) // digits, ten at most
		}
		if at[0] != 0 || at[1] >= at[2] || at[2]+at[3] > len(file) {
			return nil, errShape
		}
		hole := bytes.Trim(bytes.TrimSpace(file[at[1]:at[2]]), "<>")
		message := make([]byte, hex.DecodedLen(len(hole)))
		if _, err := hex.Decode(message, hole); err != nil {
			return nil, errShape
		}
		if n, _, err := readNode(message, 0); err == nil {
			message = n.raw // the rest is the room that was left
		}
		all = append(all, pdfSignature{message, append(bytes.Clone(file[:at[1]]), file[at[2]:at[2]+at[3]]...)})
	}
	return all, nil
}

var signedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}

// looksSigned tells whether a content is an envelope again.
func looksSigned(content []byte) bool {
	n, _, err := readNode(content, 0)
	wanted, err2 := asn1.Marshal(signedData)
	return err == nil && err2 == nil && bytes.Equal(n.child(0).raw, wanted)
}
