package bucket

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// NewS3 returns buckets at an S3 endpoint, a URL. The bucket is the first element of the
// path. Credentials come from the AWS chain: environment, shared files, the machine's role.
func NewS3(ctx context.Context, endpoint string) (Buckets, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load S3 credentials: %w", err)
	}
	var mu sync.Mutex
	servers := map[string]*s3Server{} // by region
	return func(region, name string) (Bucket, error) {
		if err := checkName(name); err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		server := servers[region]
		if server == nil {
			server = &s3Server{client: s3.NewFromConfig(cfg, func(o *s3.Options) {
				o.BaseEndpoint, o.UsePathStyle, o.Region = aws.String(endpoint), true, region
				// Not all servers accept the optional checksums.
				o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
				o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
			})}
			servers[region] = server
		}
		return &s3Bucket{server, name}, nil
	}, nil
}

// An s3Server is a server by which buckets of a region are reached.
type s3Server struct {
	client *s3.Client
	etags  etagKind
}

// An s3Bucket is a bucket in S3.
type s3Bucket struct {
	*s3Server
	name string
}

// checkedKey is of an upload that is aborted.
const checkedKey = ".rostrum-check"

// Check begins a multipart upload, which needs the permission to put files, and aborts it.
func (b *s3Bucket) Check(ctx context.Context) error {
	begun, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b.name, Key: aws.String(checkedKey)})
	if err != nil {
		return fmt.Errorf("check bucket %s: %w", b.name, s3Error(err))
	}
	// Where it can't be aborted, nobody sees it either.
	_, _ = b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: aws.String(checkedKey), UploadId: begun.UploadId})
	return nil
}

func (b *s3Bucket) Put(ctx context.Context, key string, file io.ReadSeeker) error {
	if err := checkKey(key); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	sum, err := sumOf(file)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	out, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: file, ContentType: aws.String(ContentType(key)), ContentMD5: aws.String(base64.StdEncoding.EncodeToString(sum)),
	})
	if err != nil {
		return fmt.Errorf("put %s into bucket %s: %w", key, b.name, s3Error(err))
	}
	if err := b.verify(ctx, key, sum, out); err != nil {
		return fmt.Errorf("put %s into bucket %s: %w", key, b.name, err)
	}
	return nil
}

func (b *s3Bucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("get %s from bucket %s: %w", key, b.name, s3Error(err))
	}
	return out.Body, nil
}

func (b *s3Bucket) List(ctx context.Context, prefix, after string, each func(File) error) error {
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix}
	if after != "" {
		in.StartAfter = aws.String(after + "0") // which follows after + "/" in the order of S3
	}
	pages := s3.NewListObjectsV2Paginator(b.client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list bucket %s: %w", b.name, s3Error(err))
		}
		for _, o := range page.Contents {
			if err := each(File{aws.ToString(o.Key), aws.ToInt64(o.Size)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// s3Error is an error of S3 as one of a bucket. Servers differ in their codes more than in
// their statuses.
func s3Error(err error) error {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		switch answer.ErrorCode() {
		case "NoSuchBucket":
			return fmt.Errorf("%w: %w", ErrNoBucket, err)
		case "NoSuchKey", "NotFound":
			return fmt.Errorf("%w: %w", ErrNoFile, err)
		case "PermanentRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
			return fmt.Errorf("%w: %w", ErrRegion, err)
		case "AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch":
			return fmt.Errorf("%w: %w", ErrDenied, err)
		}
	}
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden {
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return err
}
