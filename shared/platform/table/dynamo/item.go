package dynamo

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sportello/shared/domain/layout"
	"sportello/shared/platform/table"
)

// places names each index's pair of attributes.
var places = map[table.Index]struct{ pk, sk string }{
	layout.ByState:   {"gs_pk", "gs_sk"},
	layout.ByOfficer: {"go_pk", "go_sk"},
	layout.ByDue:     {"gd_pk", "gd_sk"},
	layout.Timers:    {"gt_pk", "gt_sk"},
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func keyAttributes(key table.Key) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": text(key.PK), "sk": text(key.SK)}
}

// encode writes an item as it will be stored: one version up.
func encode(item table.Item) (map[string]types.AttributeValue, error) {
	attributes := keyAttributes(item.Key)
	attributes["v"] = number(item.Version + 1)
	attributes["n"] = number(int64(item.Schema))
	attributes["b"] = text(string(item.Body))
	if !item.Expires.IsZero() {
		// A fraction of a second is rounded up: the store may remove late, never early.
		attributes["ttl"] = number(item.Expires.Add(time.Second - 1).Unix())
	}
	for index, key := range item.Index {
		names, ok := places[index]
		if !ok || key.PK == "" || key.SK == "" {
			return nil, fmt.Errorf("%w: index %q", table.ErrInvalid, index)
		}
		attributes[names.pk], attributes[names.sk] = text(key.PK), text(key.SK)
	}
	return attributes, nil
}

// decode reads a stored item.
func decode(attributes map[string]types.AttributeValue) (table.Item, error) {
	var item table.Item
	item.Key = table.Key{PK: textOf(attributes["pk"]), SK: textOf(attributes["sk"])}
	version, err := numberOf(attributes["v"])
	if err != nil || version < 1 || item.PK == "" || item.SK == "" {
		return item, fmt.Errorf("decoding item: no key or version: not ours")
	}
	schema, err := numberOf(attributes["n"])
	if err != nil {
		return item, fmt.Errorf("decoding item: schema number: %w", err)
	}
	item.Version, item.Schema, item.Body = version, int(schema), []byte(textOf(attributes["b"]))
	if expires, err := numberOf(attributes["ttl"]); err == nil {
		item.Expires = time.Unix(expires, 0).UTC()
	}
	for index, names := range places {
		if pk := textOf(attributes[names.pk]); pk != "" {
			item = item.Indexed(index, table.Key{PK: pk, SK: textOf(attributes[names.sk])})
		}
	}
	return item, nil
}

func textOf(value types.AttributeValue) string {
	if s, ok := value.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func numberOf(value types.AttributeValue) (int64, error) {
	n, ok := value.(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("%T is no number", value)
	}
	return strconv.ParseInt(n.Value, 10, 64)
}

func jitter(most time.Duration) time.Duration { return rand.N(most + 1) }
