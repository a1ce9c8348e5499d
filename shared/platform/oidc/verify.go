package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"sportello/shared/domain/identity"
)

// metadata is what we use of the provider's discovery document.
type metadata struct {
	Issuer      string `json:"issuer"`
	AuthURL     string `json:"authorization_endpoint"`
	TokenURL    string `json:"token_endpoint"`
	UserInfoURL string `json:"userinfo_endpoint"`
	JWKSURL     string `json:"jwks_uri"`
}

// discovery remembers a provider's addresses and keys. They are asked again after an hour, and old ones serve while that fails, so that
// a provider's documentation being down locks nobody out.
type discovery struct {
	mu       sync.Mutex
	metadata metadata
	keys     *keySet
	at       time.Time
}

const discoveryLife = time.Hour

func (p *Provider) discover(ctx context.Context) (metadata, *keySet, error) {
	d := &p.found
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys != nil && p.config.Now().Sub(d.at) < discoveryLife {
		return d.metadata, d.keys, nil
	}
	m, err := p.fetchMetadata(ctx)
	switch {
	case err == nil:
		d.metadata, d.keys, d.at = m, &keySet{provider: p, url: m.JWKSURL}, p.config.Now()
	case d.keys == nil:
		return metadata{}, nil, err
	default:
		d.at = p.config.Now().Add(time.Minute - discoveryLife) // ask again in a minute, not at every login
	}
	return d.metadata, d.keys, nil
}

func (p *Provider) fetchMetadata(ctx context.Context) (metadata, error) {
	var m metadata
	if err := p.getJSON(ctx, strings.TrimSuffix(p.config.Issuer, "/")+"/.well-known/openid-configuration", &m); err != nil {
		return m, err
	}
	// OpenID Connect Discovery, 4.3: "The issuer value returned MUST be identical to the Issuer URL".
	if m.Issuer != p.config.Issuer {
		return m, fmt.Errorf("discovering identity provider: %w: other issuer", ErrForged)
	}
	if m.AuthURL == "" || m.TokenURL == "" || m.UserInfoURL == "" || m.JWKSURL == "" {
		return m, unavailable(errors.New("discovery document incomplete"))
	}
	return m, nil
}

func (p *Provider) getJSON(ctx context.Context, address string, out any) error {
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return errors.New("asking identity provider: address malformed")
	}
	req.Header.Set("Accept", "application/json")
	answer, err := p.caller.Do(ctx, req)
	switch {
	case err != nil:
		return unavailable(err)
	case answer.Status != http.StatusOK:
		return unavailable(p.caller.Unexpected(answer))
	case json.Unmarshal(answer.Body, out) != nil:
		return unavailable(p.caller.Malformed(errors.New("no JSON")))
	}
	return nil
}

// keySet holds a provider's public keys.
type keySet struct {
	provider *Provider
	url      string

	mu   sync.Mutex
	keys jose.JSONWebKeySet
	at   time.Time
}

// A token may name a key we have not seen, after a rotation. Keys are asked for again at most this often, or anybody could make us
// hammer the provider with invented key ids.
const keysPause = 30 * time.Second

// accepted are the signatures the technical rules allow providers.
var accepted = []jose.SignatureAlgorithm{jose.RS256, jose.RS512, jose.ES256, jose.ES512, jose.PS256, jose.PS512}

// verify checks a JWT's signature and returns its payload. A problem Unavailable means that the keys could not be had.
func (k *keySet) verify(ctx context.Context, token string) ([]byte, error) {
	parsed, err := jose.ParseSignedCompact(token, accepted)
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, fmt.Errorf("%w: not a signed token", ErrForged)
	}
	kid := parsed.Signatures[0].Header.KeyID
	keys, err := k.named(ctx, kid)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.Use == "enc" {
			continue
		}
		if payload, err := parsed.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, fmt.Errorf("%w: signature", ErrForged)
}

func (k *keySet) named(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.provider.config.Now()
	if found := k.lookup(kid); len(found) > 0 || now.Sub(k.at) < keysPause {
		return found, nil
	}
	var fresh jose.JSONWebKeySet
	if err := k.provider.getJSON(ctx, k.url, &fresh); err != nil {
		return nil, err
	}
	k.keys, k.at = fresh, now
	return k.lookup(kid), nil
}

func (k *keySet) lookup(kid string) []jose.JSONWebKey {
	if kid == "" {
		return k.keys.Keys
	}
	return k.keys.Key(kid)
}

// verified hands go-oidc a payload whose signature verify has checked, so that its checks of the claims apply to the same bytes.
type verified struct {
	token   string
	payload []byte
}

func (v verified) VerifySignature(_ context.Context, token string) ([]byte, error) {
	if token != v.token {
		return nil, errors.New("another token")
	}
	return v.payload, nil
}

// believe checks the id token: signature, issuer, audience, expiry, nonce, level, and that the access token belongs to it.
func (p *Provider) believe(ctx context.Context, m metadata, keys *keySet, attempt Attempt, token *oauth2.Token) (Login, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Login{}, fmt.Errorf("%w: no id token", ErrForged)
	}
	payload, err := keys.verify(ctx, raw)
	if err != nil {
		return Login{}, err
	}
	algorithms := make([]string, len(accepted))
	for i, a := range accepted {
		algorithms[i] = string(a)
	}
	checker := gooidc.NewVerifier(m.Issuer, verified{raw, payload}, &gooidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: algorithms, Now: p.config.Now})
	id, err := checker.Verify(ctx, raw)
	if err != nil {
		return Login{}, fmt.Errorf("%w: id token: issuer, audience or time", ErrForged) // go-oidc's own text may quote the claims
	}
	if id.Subject == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(attempt.Nonce)) != 1 {
		return Login{}, fmt.Errorf("%w: other nonce", ErrForged)
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil {
		return Login{}, fmt.Errorf("%w: other access token", ErrForged)
	}
	var extra struct {
		ACR  string `json:"acr"`
		Time int64  `json:"auth_time"`
	}
	if err := id.Claims(&extra); err != nil {
		return Login{}, fmt.Errorf("%w: id token: acr or auth_time", ErrForged)
	}
	level := levelOf(extra.ACR)
	if level == 0 {
		return Login{}, fmt.Errorf("%w: unknown level of assurance", ErrForged)
	}
	login := Login{Subject: id.Subject, Level: level, At: id.IssuedAt.UTC()}
	if extra.Time > 0 {
		login.At = time.Unix(extra.Time, 0).UTC()
	}
	return login, nil
}

// userinfo asks who it is. The answer is JSON over the same TLS, or a JWT signed by the provider; it must be about the same subject
// (OpenID Connect Core, 5.3.2), or somebody's token was put in place of another's.
func (p *Provider) userinfo(ctx context.Context, m metadata, keys *keySet, token *oauth2.Token, subject string) (identity.Claims, error) {
	var claims struct {
		Subject string `json:"sub"`
		identity.Claims
	}
	req, err := http.NewRequest(http.MethodGet, m.UserInfoURL, nil)
	if err != nil {
		return claims.Claims, errors.New("asking identity provider: address malformed")
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Accept", "application/jwt, application/json;q=0.5")
	answer, err := p.caller.Do(ctx, req)
	switch {
	case err != nil:
		return claims.Claims, unavailable(err)
	case answer.Status != http.StatusOK:
		return claims.Claims, p.caller.Unexpected(answer)
	}
	body := answer.Body
	if mediaType, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil && mediaType == "application/jwt" {
		if body, err = p.signedClaims(ctx, keys, string(body)); err != nil {
			return claims.Claims, err
		}
	}
	if json.Unmarshal(body, &claims) != nil {
		return claims.Claims, p.caller.Malformed(errors.New("userinfo"))
	}
	if claims.Subject != subject {
		return identity.Claims{}, fmt.Errorf("%w: userinfo of another subject", ErrForged)
	}
	return claims.Claims, nil
}

func (p *Provider) signedClaims(ctx context.Context, keys *keySet, token string) ([]byte, error) {
	token = strings.TrimSpace(token)
	if strings.Count(token, ".") == 4 { // a JWE: five parts
		return nil, p.caller.Malformed(errors.New("userinfo is encrypted, which this client is not registered for"))
	}
	payload, err := keys.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	var about struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &about) != nil || about.Issuer != "" && about.Issuer != p.config.Issuer {
		return nil, fmt.Errorf("%w: userinfo of another issuer", ErrForged)
	}
	return payload, nil
}
