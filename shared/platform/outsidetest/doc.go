// Package outsidetest holds the clients of the outside world (mail, oidc, companies, addresses, provider) to the programs that play
// it on a developer's computer: the very binary that `make run` starts, over the real protocols. Its tests exist under the build tag
// emulator; they build that binary themselves.
package outsidetest
