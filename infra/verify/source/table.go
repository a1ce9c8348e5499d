package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table is a table in DynamoDB.
type Table struct {
	client *dynamodb.Client
	name   string
}

// NewTable reads a table.
func NewTable(config aws.Config, name string, options ...func(*dynamodb.Options)) *Table {
	return &Table{dynamodb.NewFromConfig(config, options...), name}
}

// FindTables finds a stack's tables by how their names end, whatever the case of the letters. "" stands for one that is not there.
func FindTables(ctx context.Context, config aws.Config, endings []string, options ...func(*dynamodb.Options)) ([]string, error) {
	var names []string
	pages := dynamodb.NewListTablesPaginator(dynamodb.NewFromConfig(config, options...), &dynamodb.ListTablesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing tables: %w", err)
		}
		names = append(names, page.TableNames...)
	}
	found := make([]string, len(endings))
	for n, ending := range endings {
		at := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(strings.ToLower(name), ending) })
		if at >= 0 {
			found[n] = names[at]
		}
	}
	return found, nil
}

// Get implements Rows.
func (t *Table) Get(ctx context.Context, pk, sk string) (Row, error) {
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return Row{}, fmt.Errorf("reading table %s: %w", t.name, err)
	}
	if len(out.Item) == 0 {
		return Row{}, ErrNotFound
	}
	return rowOf(out.Item)
}

// Scan implements Rows.
func (t *Table) Scan(ctx context.Context, visit func(Row) error) error {
	pages := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{TableName: &t.name, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("reading table %s: %w", t.name, err)
		}
		for _, item := range page.Items {
			row, err := rowOf(item)
			if err == nil {
				err = visit(row)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func rowOf(item map[string]types.AttributeValue) (Row, error) {
	text := func(name string) string {
		s, _ := item[name].(*types.AttributeValueMemberS)
		if s == nil {
			return ""
		}
		return s.Value
	}
	row := Row{text("pk"), text("sk"), text("b")}
	if row.PK == "" || row.SK == "" {
		return row, errors.New("reading a table: a row has no key pk, sk: not a table of the sportello")
	}
	return row, nil
}

var _ Rows = (*Table)(nil)
