#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Every message that a manifest can cause has an example in t/conf/bad.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Util;

chdir source_dir() or die;

# These have no file that could cause them; the unit tests do it, or, for
# the last ones, only a librdkafka that lacks something would.
my $elsewhere = qr{^(?:
	cannot\ be\ read
	| not\ base64
	| not\ a\ packed\ manifest
	| no\ document\ of\ kind\ MonoVertex\ with\ the\ name
	| packed\ manifest:
	| %s:\ librdkafka\ makes\ no\ client
	| %s:\ this\ librdkafka
)}x;

# The format strings of fby_err_add(err, pos, "…" MACRO "…", …), with what
# a message can be made of besides.
my %macro = (
	FBY_MANIFEST_OBJECT_ENV => 'NUMAFLOW_MONO_VERTEX_OBJECT',
	FBY_MANIFEST_RUNTIME_ENV => 'NUMAFLOW_RUNTIME',
);

# The strings and macros that follow each other, as the compiler joins them.
sub joined
{
	my ($code) = @_;
	my $text = '';

	while ($$code =~ /\G\s*("(?:[^"\\]|\\.)*"|[A-Z][A-Za-z_0-9]+)/gc) {
		my $part = $1;
		$text .= $part =~ /^"(.*)"$/s ? $1 : $macro{$part} // '';
	}
	return $text;
}

sub formats
{
	my ($code) = @_;
	my @found;

	while ($code =~ /\bfby_err_add\(/g) {
		# Paths for the place may come first; the format has blanks.
		while ($code =~ /\G[^";]*(?=")/gc) {
			my $format = joined(\$code);
			next unless $format =~ / /;
			push @found, $format;
			last;
		}
	}
	return @found;
}

sub pattern
{
	my ($format) = @_;

	$format =~ s/\\(["\\])/$1/g;
	$format =~ s/\\n//g;
	return join '', map {
		/^%/ ? '.*' : quotemeta
	} $format =~ /(%[-0-9.*]*(?:z?[a-z])?|[^%]+)/g;
}

my @said = map { split /\n/, slurp($_) } glob('t/conf/bad/*.err'),
    glob('t/conf/good/*.note');
s/^\S+?\.yaml(?::\d+:\d+)?: // for @said;

for my $path (sort glob 'shared/{kafka,manifest,settings,yaml}/*.c') {
	for my $format (formats(slurp($path))) {
		next if $format =~ $elsewhere;
		my $re = pattern($format);
		ok(scalar(grep { /^$re$/ } @said),
		    "$path: \"$format\" has an example");
	}
}

for my $path (glob 't/conf/bad/*.yaml') {
	ok(-s $path =~ s/yaml$/err/r, "$path says what is to be said");
}

# What the C workers refuse is in the tables.
my @refused = slurp('shared/manifest/mvtx.c') =~ /REFUSED\("(\w+)"/g;
cmp_ok(scalar @refused, '>', 10, 'the tables refuse something');

done_testing();
