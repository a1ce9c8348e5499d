package aws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sportello/infra/local/template"
)

// Keys is KMS: asymmetric keys that sign. The private halves are in files of
// mode 0600, one for each key, and never leave by the protocol.
type Keys struct {
	config Config
	mu     sync.RWMutex
	keys   map[string]*key
}

type key struct {
	ID      string    `json:"id"`
	Spec    string    `json:"spec"`
	Usage   string    `json:"usage"`
	Aliases []string  `json:"aliases"`
	Created time.Time `json:"created"`
	PKCS8   []byte    `json:"pkcs8"`
	private crypto.Signer
}

func openKeys(c Config) (*Keys, error) {
	k := &Keys{config: c, keys: map[string]*key{}}
	files, err := filepath.Glob(filepath.Join(c.Dir, "kms", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		var one key
		if err := load(file, &one); err != nil {
			return nil, err
		}
		parsed, err := x509.ParsePKCS8PrivateKey(one.PKCS8)
		if err != nil {
			return nil, fmt.Errorf("reading key %s: %w", file, err)
		}
		signer, ok := parsed.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("key %s does not sign", file)
		}
		one.private = signer
		k.keys[one.ID] = &one
	}
	return k, nil
}

// Provision makes the template's keys that are not there yet, and gives those
// that are the aliases they have now.
func (k *Keys) Provision(keys []template.Key) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, want := range keys {
		have, ok := k.keys[want.KeyID]
		if ok && have.Spec == want.Spec && slices.Equal(have.Aliases, want.Aliases) {
			continue
		}
		if ok && have.Spec != want.Spec {
			return fmt.Errorf("key %s is %s and the template wants %s: remove its file to make a new one", want.ID, have.Spec, want.Spec)
		}
		if !ok {
			made, err := k.generate(want.KeyID, want.Spec, want.Usage)
			if err != nil {
				return fmt.Errorf("making key %s: %w", want.ID, err)
			}
			have = made
		}
		have.Aliases = want.Aliases
		if err := k.store(have); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keys) generate(id, spec, usage string) (*key, error) {
	if usage != "SIGN_VERIFY" {
		return nil, fmt.Errorf("KeyUsage %s is not supported by the local cloud", usage)
	}
	var private crypto.Signer
	var err error
	switch spec {
	case "RSA_2048":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "RSA_3072":
		private, err = rsa.GenerateKey(rand.Reader, 3072)
	case "RSA_4096":
		private, err = rsa.GenerateKey(rand.Reader, 4096)
	case "ECC_NIST_P256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ECC_NIST_P384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ECC_NIST_P521":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		return nil, fmt.Errorf("KeySpec %s is not supported by the local cloud", spec)
	}
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return &key{ID: id, Spec: spec, Usage: usage, Created: k.config.Now(), PKCS8: encoded, private: private}, nil
}

func (k *Keys) store(one *key) error {
	dir := filepath.Join(k.config.Dir, "kms")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := save(filepath.Join(dir, one.ID+".json"), one); err != nil {
		return fmt.Errorf("saving key: %w", err)
	}
	k.keys[one.ID] = one
	return nil
}

func (k *Keys) arn(id string) string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:key/%s", k.config.Region, k.config.Account, id)
}

// find takes an id, an ARN, an alias or an alias's ARN.
func (k *Keys) find(name string) (*key, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if _, resource, ok := strings.Cut(name, fmt.Sprintf(":%s:", k.config.Account)); ok {
		name = strings.TrimPrefix(resource, "key/")
	}
	if one, ok := k.keys[name]; ok {
		return one, nil
	}
	for _, one := range k.keys {
		if slices.Contains(one.Aliases, name) {
			return one, nil
		}
	}
	if strings.HasPrefix(name, "alias/") {
		return nil, refuse("NotFoundException", "Alias %s is not found.", name)
	}
	return nil, refuse("NotFoundException", "Key '%s' does not exist", name)
}

// Public is the public half of a key.
func (k *Keys) Public(name string) (crypto.PublicKey, error) {
	one, err := k.find(name)
	if err != nil {
		return nil, err
	}
	return one.private.Public(), nil
}

func (k *Keys) call(name string, body []byte) (any, error) {
	handlers := map[string]func([]byte) (any, error){
		"Sign":         operation(k.sign),
		"Verify":       operation(k.verify),
		"GetPublicKey": operation(k.publicKey),
		"DescribeKey":  operation(k.describe),
		"CreateKey":    operation(k.create),
		"CreateAlias":  operation(k.alias),
		"ListAliases":  operation(k.aliases),
	}
	h, ok := handlers[name]
	if !ok {
		return nil, refuse("UnsupportedOperationException", "KMS %s is not part of the local cloud", name)
	}
	return h(body)
}

type signInput struct {
	KeyID       string `json:"KeyId"`
	Message     []byte
	MessageType string
	Algorithm   string `json:"SigningAlgorithm"`
	Signature   []byte
	GrantTokens json.RawMessage
	DryRun      bool
}

func (k *Keys) sign(in signInput) (any, error) {
	one, digest, err := k.prepare(in)
	if err != nil {
		return nil, err
	}
	signature, err := one.private.Sign(rand.Reader, digest, options(in.Algorithm))
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyId": k.arn(one.ID), "Signature": signature, "SigningAlgorithm": in.Algorithm}, nil
}

func (k *Keys) verify(in signInput) (any, error) {
	one, digest, err := k.prepare(in)
	if err != nil {
		return nil, err
	}
	valid := false
	switch public := one.private.Public().(type) {
	case *rsa.PublicKey:
		hash := options(in.Algorithm).HashFunc()
		if strings.HasPrefix(in.Algorithm, "RSASSA_PSS") {
			valid = rsa.VerifyPSS(public, hash, digest, in.Signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		} else {
			valid = rsa.VerifyPKCS1v15(public, hash, digest, in.Signature) == nil
		}
	case *ecdsa.PublicKey:
		valid = ecdsa.VerifyASN1(public, digest, in.Signature)
	}
	if !valid {
		return nil, refuse("KMSInvalidSignatureException", "the signature is not valid")
	}
	return map[string]any{"KeyId": k.arn(one.ID), "SignatureValid": true, "SigningAlgorithm": in.Algorithm}, nil
}

// algorithms lists what each key spec signs with.
var algorithms = map[string][]string{
	"RSA": {
		"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
		"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
	},
	"ECC_NIST_P256": {"ECDSA_SHA_256"},
	"ECC_NIST_P384": {"ECDSA_SHA_384"},
	"ECC_NIST_P521": {"ECDSA_SHA_512"},
}

func (one *key) algorithms() []string {
	if strings.HasPrefix(one.Spec, "RSA_") {
		return algorithms["RSA"]
	}
	return algorithms[one.Spec]
}

// prepare finds the key and the digest to sign.
func (k *Keys) prepare(in signInput) (*key, []byte, error) {
	one, err := k.find(in.KeyID)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(one.algorithms(), in.Algorithm) {
		return nil, nil, refuse("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", in.Algorithm, one.Spec)
	}
	size := options(in.Algorithm).HashFunc().Size()
	switch in.MessageType {
	case "DIGEST":
		if len(in.Message) != size {
			return nil, nil, refuse("ValidationException", "Digest is invalid length for algorithm %s.", in.Algorithm)
		}
		return one, in.Message, nil
	case "", "RAW":
		if n := len(in.Message); n == 0 || n > 4096 {
			return nil, nil, refuse("ValidationException", "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length between 1 and 4096")
		}
		return one, sum(in.Message, size), nil
	}
	return nil, nil, refuse("ValidationException", "MessageType %s is not part of the local cloud", in.MessageType)
}

func sum(message []byte, size int) []byte {
	switch size {
	case sha512.Size384:
		h := sha512.Sum384(message)
		return h[:]
	case sha512.Size:
		h := sha512.Sum512(message)
		return h[:]
	}
	h := sha256.Sum256(message)
	return h[:]
}

func options(algorithm string) crypto.SignerOpts {
	hash := crypto.SHA256
	switch {
	case strings.HasSuffix(algorithm, "_384"):
		hash = crypto.SHA384
	case strings.HasSuffix(algorithm, "_512"):
		hash = crypto.SHA512
	}
	if strings.HasPrefix(algorithm, "RSASSA_PSS") {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return hash
}

type keyInput struct {
	KeyID       string `json:"KeyId"`
	GrantTokens json.RawMessage
}

func (k *Keys) publicKey(in keyInput) (any, error) {
	one, err := k.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalPKIXPublicKey(one.private.Public())
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"KeyId": k.arn(one.ID), "PublicKey": encoded, "KeySpec": one.Spec, "CustomerMasterKeySpec": one.Spec,
		"KeyUsage": one.Usage, "SigningAlgorithms": one.algorithms(),
	}, nil
}

func (k *Keys) describe(in keyInput) (any, error) {
	one, err := k.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyMetadata": k.metadata(one)}, nil
}

func (k *Keys) metadata(one *key) map[string]any {
	return map[string]any{
		"AWSAccountId": k.config.Account, "KeyId": one.ID, "Arn": k.arn(one.ID), "CreationDate": seconds(one.Created),
		"Enabled": true, "KeyState": "Enabled", "KeyManager": "CUSTOMER", "Origin": "AWS_KMS", "MultiRegion": false,
		"KeySpec": one.Spec, "CustomerMasterKeySpec": one.Spec, "KeyUsage": one.Usage, "SigningAlgorithms": one.algorithms(),
	}
}

type createInput struct {
	KeySpec, KeyUsage string
}

func (k *Keys) create(in createInput) (any, error) {
	if in.KeySpec == "" {
		in.KeySpec = "SYMMETRIC_DEFAULT"
	}
	made, err := k.generate(randomID(), in.KeySpec, in.KeyUsage)
	if err != nil {
		return nil, refuse("UnsupportedOperationException", "%s", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.store(made); err != nil {
		return nil, err
	}
	return map[string]any{"KeyMetadata": k.metadata(made)}, nil
}

type aliasInput struct{ AliasName, TargetKeyID string }

// UnmarshalJSON reads the protocol's spelling.
func (a *aliasInput) UnmarshalJSON(text []byte) error {
	var wire struct{ AliasName, TargetKeyId string }
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	a.AliasName, a.TargetKeyID = wire.AliasName, wire.TargetKeyId
	return nil
}

func (k *Keys) alias(in aliasInput) (any, error) {
	if _, err := k.find(in.AliasName); err == nil {
		return nil, refuse("AlreadyExistsException", "An alias with the name %s already exists", in.AliasName)
	}
	one, err := k.find(in.TargetKeyID)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	one.Aliases = append(one.Aliases, in.AliasName)
	return struct{}{}, k.store(one)
}

func (k *Keys) aliases(struct{}) (any, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var out []map[string]string
	for id, one := range k.keys {
		for _, a := range one.Aliases {
			out = append(out, map[string]string{
				"AliasName": a, "TargetKeyId": id,
				"AliasArn": fmt.Sprintf("arn:aws:kms:%s:%s:%s", k.config.Region, k.config.Account, a),
			})
		}
	}
	return map[string]any{"Aliases": out, "Truncated": false}, nil
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
