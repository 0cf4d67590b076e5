# SPDX-License-Identifier: Apache-2.0
#
# What each function of t/interop/functions must do when it is called without
# forebay, so that a fault of it is not looked for there.
package Test::Forebay::Calls;

use strict;
use warnings;

use Exporter qw(import);
use MIME::Base64 qw(decode_base64);
use Test::More;

use Test::Forebay::Function;
use Test::Forebay::Util;

our @EXPORT = qw(sink_works stage_works);

my $BINARY = join('', map { chr } 0 .. 255);

sub order { return { value => $_[1], headers => { "do.$_[0]" => $_[2] } } }

# can => what the SDK has: success, nack, metadata.
sub sink_works
{
	my ($language, $role, $mode, %can) = @_;
	my $f = Test::Forebay::Function->new(language => $language,
	    role => $role, mode => $mode)->start;
	my @records = (
		{ value => $BINARY, keys => ['a', "\x{e4}"], retry => '3',
		    headers => { h => "v\x{20ac}", e => '' } },
		order($role, 'f', 'failure=1'),
		order($role, 'b', 'fallback'),
		order($role, 's', 'success=other meta=g/k/v'),
		order($role, 'n', 'nack=250:3:not_now'),
	);
	my $got = $f->call(@records);

	is($got->{error}, undef, 'no error') or do {
		diag(explain($got), $f->log_text);
		return;
	};
	is(scalar keys %$got, scalar @records, 'each has its answer');
	is($got->{0}{status}, 'SUCCESS', 'success');
	is($got->{1}{status}, 'FAILURE', 'failure');
	is($got->{1}{error}, 'asked to fail', 'and why');
	is($got->{2}{status}, 'FALLBACK', 'fallback');
	if ($can{success}) {
		is($got->{3}{status}, 'ON_SUCCESS', 'on success');
		is($got->{3}{message}{value}, 'other', 'another value');
		is_deeply($got->{3}{message}{keys}, ['on-success'], 'keys');
		is(decode_base64($got->{3}{message}{user}{g}{k} // ''), 'v',
		    'and metadata');
	} else {
		like($got->{3}{error}, qr/has no success/, 'no onSuccess');
	}
	if ($can{nack}) {
		is($got->{4}{status}, 'NACK', 'nack');
		is_deeply($got->{4}{nack}, { delay => 250, deliveries => 3,
		    reason => 'not_now' }, 'with its options');
	} else {
		like($got->{4}{error}, qr/has no nack/, 'no nack');
	}
	my ($seen) = $f->seen;

	is($seen->{value}, $BINARY, 'value');
	is_deeply($seen->{keys}, ['a', "\x{e4}"], 'keys');
	is_deeply($seen->{headers}, { h => "v\x{20ac}", e => '' }, 'headers');
	is($seen->{time}, 1_700_000_000_123, 'time');
	is($seen->{retry}, '3', 'count of tries') if $can{metadata};
	is($f->call(order($role, 'f', 'failure=0'))->{0}{status}, 'SUCCESS',
	    'a second connection');
	fails($f, order($role, 'x', 'panic'));
	return;
}

sub stage_works
{
	my ($language, $role, $mode, %can) = @_;
	my $f = Test::Forebay::Function->new(language => $language,
	    role => $role, mode => $mode)->start;
	my @records = (
		{ value => $BINARY, keys => ['a', "\x{e4}"],
		    headers => { h => "v\x{20ac}", e => '' } },
		order($role, 'd', 'drop'),
		order($role, 'c', 'copies=3'),
		order($role, 'o', 'value=other key=k1 key=k2 tag=t1 tag=t2'
		    . ' meta=g/k/v time=1600000000456'),
		order($role, 'n', $can{nack} ? 'nack=250:3:not_now' : 'nack'),
		order($role, 'l', 'slow=20'),
	);
	my $got = $f->call(@records);

	is($got->{error}, undef, 'no error') or do {
		diag(explain($got), $f->log_text);
		return;
	};
	my %results = map { $_ => $got->{$_}{results} } keys %$got;

	is(scalar keys %results, scalar @records, 'each has its answer');
	is($results{0}[0]{value}, $BINARY, 'value');
	is_deeply($results{0}[0]{keys}, ['a', "\x{e4}"], 'keys');
	is_deeply($results{1}[0]{tags}, ['U+005C__DROP__'], 'drop');
	is_deeply([map { $_->{value} } @{$results{2}}], ['c/0', 'c/1', 'c/2'],
	    'three results');
	is($results{3}[0]{value}, 'other', 'another value');
	is_deeply($results{3}[0]{keys}, ['k1', 'k2'], 'other keys');
	is_deeply($results{3}[0]{tags}, ['t1', 't2'], 'tags');
	is($results{0}[0]{time}, 1_700_000_000_123, 'the time it had'),
	    is($results{3}[0]{time}, 1_600_000_000_456, 'another time')
	    if $role eq 'transformer';
	is(decode_base64($results{3}[0]{user}{g}{k} // ''), 'v', 'metadata')
	    if $can{metadata};
	is_deeply($results{4}[0]{tags}, ['U+005C__NACK__'], 'nack');
	is_deeply($results{4}[0]{nack}, { delay => 250, deliveries => 3,
	    reason => 'not_now' }, 'with its options') if $can{nack};
	my ($seen) = grep { $_->{value} eq $BINARY } $f->seen;

	is_deeply($seen->{headers}, { h => "v\x{20ac}", e => '' }, 'headers');
	fails($f, order($role, 'x', 'panic'));
	return;
}

# What fails is an error of gRPC, and the end of the SDK's server.
sub fails
{
	my ($f, $record) = @_;
	my $got = $f->call($record);

	ok($got->{error}, 'a function that fails is an error of gRPC') or
	    diag(explain($got));
	note(($got->{error}{code} // '') . ': ' .
	    substr($got->{error}{details} // '', 0, 200));
	return;
}

1;
