// Every parser that faces a boundary; docs/fuzzing.md says what each is given.
import { abiDecoders } from './targets/abi-decoders.mjs';
import { captures } from './targets/captures.mjs';
import { oidRequests } from './targets/oid-requests.mjs';
import { wireViews } from './targets/wire-views.mjs';

export const TARGETS = [abiDecoders, oidRequests, captures, wireViews];
