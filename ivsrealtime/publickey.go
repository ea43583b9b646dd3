package ivsrealtime

// A PublicKey (ECDSA P-384) verifies participant tokens that an application signs
// with the private key.
type PublicKey struct {
	ARN               string            `json:"arn,omitempty"`
	Name              string            `json:"name"`
	PublicKeyMaterial string            `json:"publicKeyMaterial,omitempty"` // PEM, as imported
	Fingerprint       string            `json:"fingerprint,omitempty"`       // 16 colon-separated lower-case hex bytes
	Tags              map[string]string `json:"tags"`
}

// PublicKeySummary is a PublicKey in ListPublicKeys.
type PublicKeySummary struct {
	ARN  string            `json:"arn,omitempty"`
	Name string            `json:"name"`
	Tags map[string]string `json:"tags"`
}

// ImportPublicKeyInput is the input of ImportPublicKey.
type ImportPublicKeyInput struct {
	PublicKeyMaterial string            `json:"publicKeyMaterial" shape:"publicKeyMaterial,required"`
	Name              string            `json:"name,omitempty" shape:"name"`
	Tags              map[string]string `json:"tags,omitempty" shape:"tags"`
}

// ImportPublicKeyOutput is the output of ImportPublicKey.
type ImportPublicKeyOutput struct {
	PublicKey *PublicKey `json:"publicKey,omitempty"`
}

// GetPublicKeyInput is the input of GetPublicKey.
type GetPublicKeyInput struct {
	ARN string `json:"arn" shape:"publicKeyARN,required"`
}

// GetPublicKeyOutput is the output of GetPublicKey.
type GetPublicKeyOutput struct {
	PublicKey *PublicKey `json:"publicKey,omitempty"`
}

// DeletePublicKeyInput is the input of DeletePublicKey.
type DeletePublicKeyInput struct {
	ARN string `json:"arn" shape:"publicKeyARN,required"`
}

// DeletePublicKeyOutput is the output of DeletePublicKey.
type DeletePublicKeyOutput struct{}

// RevokeConnectionTokenInput is the input of RevokeConnectionToken.
type RevokeConnectionTokenInput struct {
	TokenID string `json:"tokenId" shape:"connectionTokenID,required"` // the token's jti
}

// RevokeConnectionTokenOutput is the output of RevokeConnectionToken.
type RevokeConnectionTokenOutput struct{}

// ListPublicKeysInput is the input of ListPublicKeys; the default page size is 50.
type ListPublicKeysInput struct {
	NextToken  string `json:"nextToken,omitempty" shape:"nextToken"`
	MaxResults *int   `json:"maxResults,omitempty" shape:"maxResults"`
}

// ListPublicKeysOutput is the output of ListPublicKeys.
type ListPublicKeysOutput struct {
	PublicKeys []PublicKeySummary `json:"publicKeys"`
	NextToken  string             `json:"nextToken,omitempty"`
}
