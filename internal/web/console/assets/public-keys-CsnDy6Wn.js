import{T as e,c as t,i as n,j as r,p as i,u as a}from"./index-0ToYn6KP.js";import{i as o}from"./format-NViSRj_c.js";import{t as s}from"./radio-group-BxvlKVeI.js";import{t as c}from"./textarea-SK8WePRT.js";import{hr as l,i as u,pr as d}from"./internal-uD7mJYDs.js";import{a as f,n as p}from"./fields-BNb2Nesp.js";import{n as m}from"./cli-line-ao54gG01.js";import{t as h}from"./form-CFPT4fjg.js";import{i as g,n as _}from"./tags-BEWkNhFA.js";import{t as v}from"./resource-list-DGhOGucT.js";var y=l(d(),1),b={name:`ECDSA`,namedCurve:`P-384`};function x(e,t){return`-----BEGIN ${e}-----\n${btoa(String.fromCharCode(...new Uint8Array(t))).replace(/.{64}(?=.)/g,`$&
`)}\n-----END ${e}-----\n`}async function S(){let{privateKey:e,publicKey:t}=await crypto.subtle.generateKey(b,!0,[`sign`,`verify`]);return{privateKey:x(`PRIVATE KEY`,await crypto.subtle.exportKey(`pkcs8`,e)),publicKey:x(`PUBLIC KEY`,await crypto.subtle.exportKey(`spki`,t))}}var C=(e,t)=>`import { randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const stageArn = process.argv[2]; // arn:aws:ivs:…:stage/…
const now = Math.floor(Date.now() / 1000);
const header = { alg: 'ES384', typ: 'JWT', kid: '${e}' };
const claims = {
  version: '1.0',
  iat: now,
  exp: now + 12 * 60 * 60, // at most 14 days
  jti: randomUUID(), // the id of the participant
  resource: stageArn,
  topic: stageArn.split('/')[1],
  events_url: '${t.replace(/^http/,`ws`)}/events',
  whip_url: '${t}/whip',
  user_id: 'ann',
  attributes: { name: 'Ann' },
  capabilities: { allow_publish: true, allow_subscribe: true },
};
const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
const signature = sign('sha384', Buffer.from(text), { key: readFileSync('private-key.pem', 'utf8'), dsaEncoding: 'ieee-p1363' });
console.log(\`\${text}.\${signature.toString('base64url')}\`);`,w=u(),T=`openssl ecparam -name secp384r1 -genkey -noout -out private-key.pem
openssl ec -in private-key.pem -pubout -out public-key.pem`,E=isSecureContext;function D(e,t){let n=URL.createObjectURL(new Blob([t],{type:`application/x-pem-file`}));Object.assign(document.createElement(`a`),{href:n,download:e}).click(),setTimeout(()=>URL.revokeObjectURL(n),6e4)}function O({close:l}){let[u,d]=(0,y.useState)(E?`make`:`import`),[v,b]=(0,y.useState)(``),[x,C]=(0,y.useState)(``),[O,k]=(0,y.useState)([]),A=i(),j={publicKeyMaterial:x,name:v||void 0,tags:O.length>0?g(O):void 0},M=async()=>{let t=u===`make`?await S():void 0,n=(await e(`ImportPublicKey`,t?{...j,publicKeyMaterial:t.publicKey}:j)).publicKey;t&&D(`private-key.pem`,t.privateKey),A.done(t?`The public key is imported. The private key was saved as private-key.pem: it is nowhere else.`:`${n.name||o(n.arn)} is imported.`),a(`/public-keys/${o(n.arn)}`)};return(0,w.jsxs)(h,{title:`Import public key`,action:u===`make`?`Make and import`:`Import`,line:u===`make`?void 0:r(`ImportPublicKey`,{...j,publicKeyMaterial:x||`file://public-key.pem`}),disabled:f(v)!==void 0||u===`import`&&!x.trim(),run:M,close:l,children:[(0,w.jsx)(s,{value:u,onChange:({detail:e})=>d(e.value),items:[{value:`make`,label:`Make a key pair in this browser`,description:E?`The private key is saved as a file, and sent nowhere.`:`The browser does that on pages that are loaded over HTTPS or from this machine only.`,disabled:!E},{value:`import`,label:`Import a public key that there is`,description:`ECDSA on the curve P-384, as PEM.`}]}),u===`import`&&(0,w.jsx)(n,{label:`Public key`,stretch:!0,children:(0,w.jsx)(c,{value:x,onChange:({detail:e})=>C(e.value),rows:6,spellcheck:!1,placeholder:`-----BEGIN PUBLIC KEY-----`})}),u===`import`&&!x&&(0,w.jsx)(t,{type:`info`,header:`How to make a key pair`,children:(0,w.jsx)(m,{text:T,what:`commands`})}),(0,w.jsx)(p,{value:v,change:b}),(0,w.jsx)(_,{pairs:O,change:k,add:`Add a tag`,empty:`There are no tags.`})]})}async function k(t,n){let r=await e(`ListPublicKeys`,{nextToken:t,maxResults:50},n);return{items:r.publicKeys,nextToken:r.nextToken}}var A=({arn:e,name:t})=>({operation:`DeletePublicKey`,arn:e,name:t||o(e),warning:`Tokens that were signed with its private key are refused from then on.`});function j(){return(0,w.jsx)(v,{title:`Public keys`,description:`They verify participant tokens that your application signs itself.`,section:`/public-keys`,type:`public-key`,load:k,columns:[],create:{action:`ImportPublicKey`,label:`Import`,form:e=>(0,w.jsx)(O,{close:e})},deletion:A})}export{j as default,A as keyDeletion,C as t};