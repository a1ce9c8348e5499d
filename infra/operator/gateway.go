package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
)

// gateway is API Gateway's side of a key: it lets the request through and counts it against the chamber's usage plan. Whether the key
// opens anything is decided by our own row.
type gateway struct {
	client *apigateway.Client
	stage  string
}

func newGateway(config aws.Config, stage string) *gateway {
	return &gateway{apigateway.NewFromConfig(config), stage}
}

func (g *gateway) planName(chamber string) string { return "sportello-" + g.stage + "-" + chamber }

func (g *gateway) keyName(chamber, name string) string { return g.planName(chamber) + "-" + name }

// admit makes API Gateway know a key under the chamber's usage plan. It can be repeated: what is there is kept, and another key of the
// same name, which a crash or a revocation left, goes.
func (g *gateway) admit(ctx context.Context, chamber, name, secret string) error {
	plan, err := g.plan(ctx, chamber)
	if err != nil {
		return err
	}
	found, err := g.keys(ctx, g.keyName(chamber, name))
	if err != nil {
		return err
	}
	id := ""
	for _, k := range found {
		if aws.ToString(k.Value) == secret && k.Enabled {
			id = aws.ToString(k.Id)
		} else if err := g.remove(ctx, aws.ToString(k.Id)); err != nil {
			return err
		}
	}
	if id == "" {
		made, err := g.client.CreateApiKey(ctx, &apigateway.CreateApiKeyInput{
			Name: aws.String(g.keyName(chamber, name)), Value: aws.String(secret), Enabled: true,
		})
		if err != nil {
			return fmt.Errorf("creating key in API Gateway: %w", err)
		}
		id = aws.ToString(made.Id)
	}
	return g.attach(ctx, plan, id)
}

func (g *gateway) attach(ctx context.Context, plan, id string) error {
	_, err := g.client.CreateUsagePlanKey(ctx, &apigateway.CreateUsagePlanKeyInput{
		UsagePlanId: aws.String(plan), KeyId: aws.String(id), KeyType: aws.String("API_KEY"),
	})
	var already *types.ConflictException
	if err != nil && !errors.As(err, &already) {
		return fmt.Errorf("attaching key to usage plan: %w", err)
	}
	return nil
}

// forget removes the keys of that name.
func (g *gateway) forget(ctx context.Context, chamber, name string) error {
	found, err := g.keys(ctx, g.keyName(chamber, name))
	if err != nil {
		return err
	}
	for _, k := range found {
		if err := g.remove(ctx, aws.ToString(k.Id)); err != nil {
			return err
		}
	}
	return nil
}

func (g *gateway) remove(ctx context.Context, id string) error {
	_, err := g.client.DeleteApiKey(ctx, &apigateway.DeleteApiKeyInput{ApiKey: aws.String(id)})
	var gone *types.NotFoundException
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("deleting key in API Gateway: %w", err)
	}
	return nil
}

// keys returns the keys of exactly that name; API Gateway looks for names that begin with it.
func (g *gateway) keys(ctx context.Context, name string) ([]types.ApiKey, error) {
	var found []types.ApiKey
	pages := apigateway.NewGetApiKeysPaginator(g.client, &apigateway.GetApiKeysInput{
		NameQuery: aws.String(name), IncludeValues: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking for keys in API Gateway: %w", err)
		}
		for _, k := range page.Items {
			if aws.ToString(k.Name) == name {
				found = append(found, k)
			}
		}
	}
	return found, nil
}

// plan returns the id of the chamber's usage plan, which the template makes.
func (g *gateway) plan(ctx context.Context, chamber string) (string, error) {
	pages := apigateway.NewGetUsagePlansPaginator(g.client, &apigateway.GetUsagePlansInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("looking for usage plans in API Gateway: %w", err)
		}
		for _, p := range page.Items {
			if aws.ToString(p.Name) == g.planName(chamber) {
				return aws.ToString(p.Id), nil
			}
		}
	}
	return "", fmt.Errorf("API Gateway has no usage plan %s", g.planName(chamber))
}
