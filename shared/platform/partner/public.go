package partner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// errPrivate is the cause of a call that was not made because its address is not of the public network.
var errPrivate = errors.New("not an address of the public network")

// Public returns a client for addresses that strangers name, such as the revocation services in a certificate: it connects to the public network
// alone. The address is judged when the connection is made, after the name was resolved, so that no name leads inside either. Loopback is let
// through where the installation is on one computer.
func Public(loopback bool) *http.Client {
	dialer := &net.Dialer{Timeout: 3 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("connecting: %w", errPrivate)
		}
		ip := at.Addr().Unmap()
		if loopback && ip.IsLoopback() {
			return nil
		}
		if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || shared(ip) {
			return fmt.Errorf("connecting: %w", errPrivate)
		}
		return nil
	}}
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
		// A proxy would resolve the name for us, out of our sight.
		Proxy: nil, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 3 * time.Second, ResponseHeaderTimeout: 4 * time.Second,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
	}}
}

// shared tells the addresses that are nobody's on the public network: carriers' (RFC 6598), protocol assignments, benchmarks.
func shared(ip netip.Addr) bool {
	for _, prefix := range []string{"100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b::/96"} {
		if netip.MustParsePrefix(prefix).Contains(ip) {
			return true
		}
	}
	return false
}
