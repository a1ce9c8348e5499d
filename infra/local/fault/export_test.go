package fault

import "crypto/tls"

// LeafForTest lends the authority's certificate to the tests' servers.
func LeafForTest(a *Authority) tls.Certificate { return a.leaf }
