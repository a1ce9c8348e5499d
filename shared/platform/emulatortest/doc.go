// Package emulatortest gives tests the real protocols of DynamoDB, S3 and SQS. An emulator is the one named in the environment
// (DYNAMODB_ENDPOINT, S3_ENDPOINT, SQS_ENDPOINT: AWS's own DynamoDB Local will do), or is started for the test on a free
// port with its data in a temporary folder: dynoxide and fauxqs from infra/local/npm/node_modules, versitygw from .local/bin.
//
// It exists only under the build tag emulator, so that plain `go test ./...` needs nothing installed; `make test` sets the
// tag. What is not installed is skipped, unless EMULATORS=required, which continuous integration sets.
package emulatortest
