//go:build emulator

package emulatortest

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// DynamoDB returns the configuration of a client of DynamoDB.
func DynamoDB(t testing.TB) aws.Config {
	t.Helper()
	if endpoint := os.Getenv("DYNAMODB_ENDPOINT"); endpoint != "" {
		return config(endpoint)
	}
	binary := installed(t, "run npm ci in infra/local/npm", "infra", "local", "npm", "node_modules", "@dynoxide", "linux-x64", "dynoxide")
	return config(start(t, program{path: binary, env: none, args: func(port string) []string {
		return []string{"serve", "--host", "127.0.0.1", "--port", port, "--db-path", t.TempDir() + "/dynamodb.sqlite"}
	}}))
}

// Table makes an empty table with the keys and indexes of the applications table, and returns its name.
func Table(t testing.TB, config aws.Config) string {
	t.Helper()
	client := dynamodb.NewFromConfig(config)
	name := unique(t)
	in := &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keys("pk", "sk"),
		AttributeDefinitions: attributes("pk", "sk"),
	}
	for index, prefix := range map[string]string{"by-state": "gs", "by-officer": "go", "by-due": "gd", "timers": "gt"} {
		pk, sk := prefix+"_pk", prefix+"_sk"
		in.AttributeDefinitions = append(in.AttributeDefinitions, attributes(pk, sk)...)
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(index), KeySchema: keys(pk, sk), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		})
	}
	if _, err := client.CreateTable(context.Background(), in); err != nil {
		t.Fatalf("creating table: %v", err)
	}
	t.Cleanup(func() {
		_, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
	})
	return name
}

func keys(pk, sk string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: aws.String(pk), KeyType: types.KeyTypeHash},
		{AttributeName: aws.String(sk), KeyType: types.KeyTypeRange},
	}
}

func attributes(names ...string) []types.AttributeDefinition {
	var all []types.AttributeDefinition
	for _, name := range names {
		all = append(all, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	return all
}

// unique is a name for something of this test, in lower case letters, digits and dashes.
func unique(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()))
	return strings.Trim(name[:min(len(name), 36)], "-") + "-" + random()
}
