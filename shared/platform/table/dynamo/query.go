package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sportello/shared/platform/table"
)

// pageSize is the page of a query that names no limit.
const pageSize = 200

// Query implements table.Table.
func (t *Table) Query(ctx context.Context, q table.Query) (table.Page, error) {
	pk, sk := "pk", "sk"
	names, known := places[q.Index]
	switch {
	case q.PK == "":
		return table.Page{}, fmt.Errorf("%w: query without partition", table.ErrInvalid)
	case q.Index != "" && !known:
		return table.Page{}, fmt.Errorf("%w: index %q", table.ErrInvalid, q.Index)
	case q.Index != "":
		pk, sk = names.pk, names.sk
	}
	limit := q.Limit
	if limit <= 0 {
		limit = pageSize
	}
	in := &dynamodb.QueryInput{
		TableName: &t.name,
		// One more than asked shows whether there is more: DynamoDB's own mark only says that it stopped.
		Limit:                    aws.Int32(int32(limit + 1)),
		ScanIndexForward:         aws.Bool(!q.Descending),
		ExpressionAttributeNames: map[string]string{"#p": pk},
		ExclusiveStartKey:        startKey(q, pk, sk),
	}
	in.KeyConditionExpression, in.ExpressionAttributeValues = condition(q)
	if *in.KeyConditionExpression != onlyPartition {
		in.ExpressionAttributeNames["#s"] = sk
	}
	if q.Index == "" {
		in.ConsistentRead = aws.Bool(true)
	} else {
		in.IndexName = aws.String(string(q.Index))
	}
	out, err := t.client.Query(ctx, in)
	if err != nil {
		return table.Page{}, fmt.Errorf("querying %s: %w", q.Index, err)
	}
	return page(out, q.Index, limit)
}

const onlyPartition = "#p = :p"

// condition bounds the sort key. DynamoDB takes one condition on it, so Prefix excludes From and To, as the contract says.
func condition(q table.Query) (*string, map[string]types.AttributeValue) {
	values := map[string]types.AttributeValue{":p": text(q.PK)}
	expression := onlyPartition
	switch {
	case q.Prefix != "":
		expression += " AND begins_with(#s, :a)"
		values[":a"] = text(q.Prefix)
	case q.From != "" && q.To != "":
		expression += " AND #s BETWEEN :a AND :b"
		values[":a"], values[":b"] = text(q.From), text(q.To)
	case q.From != "":
		expression += " AND #s >= :a"
		values[":a"] = text(q.From)
	case q.To != "":
		expression += " AND #s <= :b"
		values[":b"] = text(q.To)
	}
	return &expression, values
}

// startKey is where the page before ended. The partition is the query's own, whatever the cursor says.
func startKey(q table.Query, pk, sk string) map[string]types.AttributeValue {
	if q.After == nil {
		return nil
	}
	start := keyAttributes(q.After.Key)
	start[pk] = text(q.PK)
	if q.Index != "" {
		start[sk] = text(q.After.Index.SK)
	}
	return start
}

func page(out *dynamodb.QueryOutput, index table.Index, limit int) (table.Page, error) {
	page := table.Page{}
	for n, attributes := range out.Items {
		if n == limit {
			page.Next = cursor(page.Items[n-1], index)
			return page, nil
		}
		item, err := decode(attributes)
		if err != nil {
			return table.Page{}, err
		}
		page.Items = append(page.Items, item)
	}
	// Fewer than asked, and yet a mark: the page reached its megabyte.
	if len(out.LastEvaluatedKey) > 0 && len(page.Items) > 0 {
		page.Next = cursor(page.Items[len(page.Items)-1], index)
	}
	return page, nil
}

func cursor(item table.Item, index table.Index) *table.Cursor {
	return &table.Cursor{Key: item.Key, Index: item.Index[index]}
}
