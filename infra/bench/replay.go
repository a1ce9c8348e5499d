package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// replay makes written calls again, with the SDK and one after the other, on another town.
type replay struct{ town *town }

func newReplay(t *town) replay { return replay{t} }

// send is a call that only needs to be made.
type send func(context.Context) error

// prepare makes everything ready that is no part of a call: the loop is to do nothing but call.
func (r replay) prepare(ctx context.Context, calls []call) ([]send, error) {
	var ready []send
	for _, c := range calls {
		var s send
		var err error
		switch c.service {
		case "dynamodb":
			s, err = r.dynamoDB(c)
		case "s3":
			s, err = r.s3(ctx, c)
		case "sqs":
			s, err = r.sqs(c)
		default:
			err = errors.New("unknown service")
		}
		if err != nil {
			return nil, fmt.Errorf("preparing %s %s: %w", c.service, c.action, err)
		}
		ready = append(ready, s)
	}
	return ready, nil
}

// moved is a text of the first town, in this one.
func (r replay) moved(body []byte) []byte {
	return bytes.ReplaceAll(body, []byte(t0(0, "")), []byte(t0(r.town.number, "")))
}

// token is by what DynamoDB would know a transaction again.
var token = regexp.MustCompile(`"ClientRequestToken":"[^"]*"`)

func (r replay) dynamoDB(c call) (send, error) {
	body := token.ReplaceAll(r.moved(c.body), []byte(`"ClientRequestToken":"`+rand.Text()+`"`))
	client := r.town.table
	switch c.action {
	case "GetItem":
		return again(body, func(ctx context.Context, in *dynamodb.GetItemInput) error {
			_, err := client.GetItem(ctx, in)
			return err
		})
	case "BatchGetItem":
		return again(body, func(ctx context.Context, in *dynamodb.BatchGetItemInput) error {
			_, err := client.BatchGetItem(ctx, in)
			return err
		})
	case "Query":
		return again(body, func(ctx context.Context, in *dynamodb.QueryInput) error { _, err := client.Query(ctx, in); return err })
	case "PutItem":
		return again(body, func(ctx context.Context, in *dynamodb.PutItemInput) error {
			_, err := client.PutItem(ctx, in)
			return err
		})
	case "DeleteItem":
		return again(body, func(ctx context.Context, in *dynamodb.DeleteItemInput) error {
			_, err := client.DeleteItem(ctx, in)
			return err
		})
	case "TransactWriteItems":
		return again(body, func(ctx context.Context, in *dynamodb.TransactWriteItemsInput) error {
			_, err := client.TransactWriteItems(ctx, in)
			return err
		})
	}
	return nil, errors.New("an operation that the loop cannot make")
}

// again reads a call's input out of what was on the wire, for the SDK to make the same of it.
func again[Input any](body []byte, make func(context.Context, *Input) error) (send, error) {
	var wire any
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, err
	}
	in := new(Input)
	err := fill(reflect.ValueOf(in).Elem(), wire)
	return func(ctx context.Context) error { return make(ctx, in) }, err
}

var attribute = reflect.TypeFor[types.AttributeValue]()

// fill puts what JSON holds into an input of the SDK, whose fields have the names of the wire.
func fill(to reflect.Value, from any) error {
	if to.Type() == attribute {
		value, err := attributeOf(from)
		if err == nil {
			to.Set(reflect.ValueOf(value))
		}
		return err
	}
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return fill(to.Elem(), from)
	case reflect.Struct:
		fields, _ := from.(map[string]any)
		for name, value := range fields {
			field := to.FieldByName(name)
			if !field.IsValid() {
				return fmt.Errorf("%s has no %s", to.Type(), name)
			}
			if err := fill(field, value); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		entries, _ := from.(map[string]any)
		to.Set(reflect.MakeMap(to.Type()))
		for name, value := range entries {
			one := reflect.New(to.Type().Elem()).Elem()
			if err := fill(one, value); err != nil {
				return err
			}
			to.SetMapIndex(reflect.ValueOf(name), one)
		}
		return nil
	case reflect.Slice:
		list, _ := from.([]any)
		to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
		for n, value := range list {
			if err := fill(to.Index(n), value); err != nil {
				return err
			}
		}
		return nil
	}
	value := reflect.ValueOf(from)
	if !value.IsValid() || !value.CanConvert(to.Type()) || (to.Kind() == reflect.String) != (value.Kind() == reflect.String) {
		return fmt.Errorf("%v is no %s", from, to.Type())
	}
	to.Set(value.Convert(to.Type()))
	return nil
}

// attributeOf reads an attribute: the product writes texts and numbers only.
func attributeOf(from any) (types.AttributeValue, error) {
	fields, _ := from.(map[string]any)
	if s, ok := fields["S"].(string); ok {
		return &types.AttributeValueMemberS{Value: s}, nil
	}
	if n, ok := fields["N"].(string); ok {
		return &types.AttributeValueMemberN{Value: n}, nil
	}
	return nil, fmt.Errorf("%v is neither text nor number", from)
}

func (r replay) s3(ctx context.Context, c call) (send, error) {
	u, err := url.Parse(c.uri)
	if err != nil {
		return nil, err
	}
	_, object, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	client, bucket := r.town.store, &r.town.bucket
	switch c.action {
	case "PutObject":
		body, err := r.object(ctx, object)
		return func(ctx context.Context) error {
			in := &s3.PutObjectInput{Bucket: bucket, Key: &object, Body: bytes.NewReader(body), ContentType: aws.String(c.header.Get("Content-Type"))}
			if c.header.Get("If-None-Match") != "" {
				in.IfNoneMatch = aws.String(c.header.Get("If-None-Match"))
			}
			_, err := client.PutObject(ctx, in)
			return err
		}, err
	case "GetObject":
		return func(ctx context.Context) error {
			out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &object})
			if err != nil {
				return err
			}
			defer out.Body.Close()
			_, err = io.Copy(io.Discard, out.Body)
			return err
		}, nil
	case "ListObjectsV2":
		q := u.Query()
		return func(ctx context.Context) error {
			in := &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String(q.Get("prefix")), StartAfter: aws.String(q.Get("start-after"))}
			_, err := client.ListObjectsV2(ctx, in)
			return err
		}, nil
	}
	return nil, errors.New("an operation that the loop cannot make")
}

// object is what the function put on the first town: on the wire it may have been cut in pieces.
func (r replay) object(ctx context.Context, key string) ([]byte, error) {
	out, err := r.town.store.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(t0(0, "archive")), Key: &key})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

func (r replay) sqs(c call) (send, error) {
	body, client := r.moved(c.body), r.town.post
	switch c.action {
	case "SendMessage":
		return again(body, func(ctx context.Context, in *sqs.SendMessageInput) error {
			_, err := client.SendMessage(ctx, in)
			return err
		})
	case "SendMessageBatch":
		return again(body, func(ctx context.Context, in *sqs.SendMessageBatchInput) error {
			_, err := client.SendMessageBatch(ctx, in)
			return err
		})
	}
	return nil, errors.New("an operation that the loop cannot make")
}
