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
		if certificate, err := x509.ParseCertificate(der); err == nil {
			m.Certificates = append(m.Certificates, certificate)
		}
	}
	c.brought = append(c.brought, m)
	c.crls = append(c.crls, streams(file, dss["CRLs"])...)
	c.ocsps = append(c.ocsps, streams(file, dss["OCSPs"])...)
}

// maxStored is how many things of one kind are read from the store.
const maxStored = 64

func streams(file *pdffile.File, list any) (all [][]byte) {
	o, err := file.Resolve(list)
	array, ok := o.(pdffile.Array)
	if err != nil || !ok {
		return nil
	}
	for _, one := range array[:min(len(array), maxStored)] {
		o, err := file.Resolve(one)
		s, ok := o.(*pdffile.Stream)
		if err != nil || !ok {
			continue
		}
		if body, err := file.Unpack(s); err == nil {
			all = append(all, body)
		}
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

// inStore tells whether an object is a list or dictionary of the signed revision's store.
func (c *changes) inStore(id pdffile.Ref) bool {
	v, err := c.then.Resolve(c.root["DSS"])
	dss, ok := v.(pdffile.Dict)
	if err != nil || !ok || !storeDict(dss) {
		return false
	}
	return naming(dss, id.Number) || c.inVRI(dss["VRI"], id)
}

func (c *changes) inVRI(o any, id pdffile.Ref) bool {
	v, err := c.then.Resolve(o)
	vri, ok := v.(pdffile.Dict)
	if err != nil || !ok {
		return false
	}
	for _, one := range vri {
		if c.is(id, one) {
			return true
		}
		v, err := c.then.Resolve(one)
		if d, ok := v.(pdffile.Dict); err == nil && ok && naming(d, id.Number) {
			return true
		}
	}
	return false
}
