// Package trust makes the certification authorities of the outside world and what they issue: the
// TLS certificate of its servers, the signing certificate of the PEC provider, that of the
// preservation provider. Keys are made at the first start and kept beside the certificates.
package trust

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"sportello/infra/local/outside/state"
)

// Authority is a certification authority with its key.
type Authority struct{ Identity }

// Identity is a certificate with its key.
type Identity struct {
	Certificate *x509.Certificate
	Key         *rsa.PrivateKey
}

// PEM is the certificate in PEM.
func (i Identity) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate.Raw})
}

// Leaf says what certificate to issue.
type Leaf struct {
	CommonName   string
	Organization string
	DNSNames     []string
	IPs          []net.IP
	Emails       []string
	Usage        x509.KeyUsage
	Extended     []x509.ExtKeyUsage
}

// backdate covers a moved clock: receipts may be stamped, and checked, some years from today.
const (
	backdate = 5 * 365 * 24 * time.Hour
	lifetime = 15 * 365 * 24 * time.Hour
)

// OpenAuthority loads the authority kept as <dir>/<name>.pem and <name>.key, or makes it. The
// certificate is written last, so that a crash between the two makes a new pair, not a mixed one.
func OpenAuthority(dir, name, commonName string) (*Authority, error) {
	id, err := open(dir, name, func(key *rsa.PrivateKey) ([]byte, error) {
		tmpl, err := template(commonName, "Mondo esterno di prova")
		if err != nil {
			return nil, err
		}
		tmpl.IsCA, tmpl.BasicConstraintsValid = true, true
		tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		return x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	})
	if err != nil {
		return nil, fmt.Errorf("opening authority %s: %w", name, err)
	}
	return &Authority{*id}, nil
}

// OpenLeaf loads the certificate kept as <dir>/<name>.pem and <name>.key, or has it issued. One
// that this authority did not issue is made again: the authority has been renewed.
func (a *Authority) OpenLeaf(dir, name string, leaf Leaf) (*Identity, error) {
	issue := func(key *rsa.PrivateKey) ([]byte, error) { return a.issue(key.Public(), leaf) }
	id, err := open(dir, name, issue)
	if err == nil && id.Certificate.CheckSignatureFrom(a.Certificate) != nil {
		if err = os.Remove(filepath.Join(dir, name+".pem")); err == nil {
			id, err = open(dir, name, issue)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening certificate %s: %w", name, err)
	}
	return id, nil
}

func (a *Authority) issue(public crypto.PublicKey, leaf Leaf) ([]byte, error) {
	tmpl, err := template(leaf.CommonName, leaf.Organization)
	if err != nil {
		return nil, err
	}
	tmpl.DNSNames, tmpl.IPAddresses, tmpl.EmailAddresses = leaf.DNSNames, leaf.IPs, leaf.Emails
	tmpl.KeyUsage, tmpl.ExtKeyUsage = leaf.Usage, leaf.Extended
	tmpl.BasicConstraintsValid = true
	return x509.CreateCertificate(rand.Reader, tmpl, a.Certificate, public, a.Key)
}

func template(commonName, organization string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Country: []string{"IT"}, Organization: []string{organization}, CommonName: commonName},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(lifetime),
	}, nil
}

func open(dir, name string, issue func(*rsa.PrivateKey) ([]byte, error)) (*Identity, error) {
	id, err := load(dir, name)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return id, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := issue(key)
	if err != nil {
		return nil, fmt.Errorf("issuing: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the key: %w", err)
	}
	if err := write(dir, name+".key", "PRIVATE KEY", pkcs8, 0o600); err != nil {
		return nil, err
	}
	if err := write(dir, name+".pem", "CERTIFICATE", der, 0o644); err != nil {
		return nil, err
	}
	return load(dir, name)
}

func write(dir, name, kind string, der []byte, perm os.FileMode) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of the keys: %w", err)
	}
	return state.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), perm)
}

func load(dir, name string) (*Identity, error) {
	certDER, err := readPEM(filepath.Join(dir, name+".pem"))
	if err != nil {
		return nil, err
	}
	keyDER, err := readPEM(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return nil, fmt.Errorf("parsing certificate %s: %w", name, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return nil, fmt.Errorf("parsing key %s: %w", name, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("key %s does not belong to its certificate", name)
	}
	return &Identity{Certificate: cert, Key: key}, nil
}

func readPEM(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("no PEM block in %s", filepath.Base(path))
	}
	return block.Bytes, nil
}

// OpenKey loads the signing key kept as <dir>/<name>.key, or makes it.
func OpenKey(dir, name string) (*rsa.PrivateKey, error) {
	path := filepath.Join(dir, name+".key")
	der, err := readPEM(path)
	if errors.Is(err, os.ErrNotExist) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("making key %s: %w", name, err)
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("encoding key %s: %w", name, err)
		}
		return key, write(dir, name+".key", "PRIVATE KEY", pkcs8, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("reading key %s: %w", name, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("parsing key %s: %w", name, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key %s is not RSA", name)
	}
	return key, nil
}
