package signing

import (
	"crypto/x509"
	"encoding/hex"
	"slices"

	"sportello/shared/platform/cms"
	"sportello/shared/platform/pdffile"
)

// store reads the document security store (ETSI EN 319 142-1 5.4): certificates, OCSP answers and CRLs of all signatures.
func (c *check) store(file *pdffile.File) {
	root, err := file.Root()
	if err != nil {
		return
	}
	o, err := file.Resolve(root["DSS"])
	dss, ok := o.(pdffile.Dict)
	if err != nil || !ok {
		return
	}
	m := &cms.Message{}
	for _, der := range streams(file, dss["Certs"]) {
		if certificate, err := x509.ParseCertificate(der); err == nil && cms.Usable(certificate) {
			m.Certificates = append(m.Certificates, certificate)
		}
	}
	c.brought = append(c.brought, m)
	c.crls = append(c.crls, streams(file, dss["CRLs"])...)
	c.ocsps = append(c.ocsps, streams(file, dss["OCSPs"])...)
}

// maxStored is how many things of one kind are read from the store, maxStoredBytes how much of them.
const (
	maxStored      = 64
	maxStoredBytes = 32 << 20
)

func streams(file *pdffile.File, list any) (all [][]byte) {
	o, err := file.Resolve(list)
	array, ok := o.(pdffile.Array)
	if err != nil || !ok {
		return nil
	}
	size := 0
	for _, one := range array[:min(len(array), maxStored)] {
		o, err := file.Resolve(one)
		s, ok := o.(*pdffile.Stream)
		if err != nil || !ok {
			continue
		}
		body, err := file.Unpack(s)
		if size += len(body); err != nil || size > maxStoredBytes {
			continue
		}
		all = append(all, body)
	}
	return all
}

// storeKeys are what a security store is made of; in VRI, names are digests of signatures.
var storeKeys = []pdffile.Name{"Type", "Certs", "OCSPs", "CRLs", "VRI", "Cert", "OCSP", "CRL", "TU", "TS"}

func storeDict(d pdffile.Dict) bool {
	for key := range d {
		if _, err := hex.DecodeString(string(key)); !slices.Contains(storeKeys, key) && (err != nil || len(key) != 40) {
			return false
		}
	}
	return true
}

func storeArray(a pdffile.Array) bool {
	return !slices.ContainsFunc(a, func(o any) bool { _, ok := o.(pdffile.Ref); return !ok })
}

// maxStore is how deep a store is nested: the store, its list of validation data, one of them, its lists.
const maxStore = 5

// collect notes what the signed revision's store is made of.
func (c *changes) collect(o any, depth int) {
	if ref, ok := o.(pdffile.Ref); ok {
		if c.store[ref.Number] {
			return
		}
		c.store[ref.Number] = true
		o, _ = c.then.Resolve(ref)
	}
	if depth > maxStore {
		return
	}
	switch v := o.(type) {
	case pdffile.Array:
		for _, one := range v {
			c.collect(one, depth+1)
		}
	case pdffile.Dict:
		if !storeDict(v) {
			return
		}
		for _, one := range v {
			c.collect(one, depth+1)
		}
	}
}
