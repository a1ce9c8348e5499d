// Package crash holds the real binaries, on the real emulators, to the table of crash points: at each write of each step the write fails
// before it is done, fails after it is done, and the process is killed before and after it. What is left is delivered again, twice and out of
// order, and then everything must be as if nothing had happened (I1-I5).
//
// The tests carry the build tag `road`, for they take minutes and need what `local build` makes: go test -tags road ./infra/crash/...
package crash
