#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Manifests as operators write them: bad ones are refused with the place and
# the reason, good ones and the examples are accepted.
#
# A new message begins with a file in t/conf/bad; its .err is what
# `forebay test` says, seen from the root of the tree.  What is accepted with a
# note has it in t/conf/good, as .note.
use strict;
use warnings;

use File::Temp ();
use Test::More;

use Test::Forebay::Util;

chdir source_dir() or die;
my $reference = helper('reference');
# The secrets that manifests in t/conf refer to.
$ENV{CREDENTIALS_DIRECTORY} = 't/conf/credentials';
delete @ENV{qw(NUMAFLOW_RUNTIME NUMAFLOW_MONO_VERTEX_OBJECT)};

sub reference_says
{
	my @args = @_;

	open(my $out, '-|', $reference, @args) or die "$reference: $!\n";
	local $/;
	my $said = <$out> // '';
	close($out);
	return ($? >> 8, $said);
}

for my $path (sort glob 't/conf/bad/*.yaml') {
	my $err = $path =~ s/yaml$/err/r;
	my ($status, $said) = reference_says('check', $path);

	is($said, -e $err ? slurp($err) : '', "$path: every mistake is named");
	is($status, 2, "$path: the exit status is that of a bad manifest");
}

for my $path (sort grep { !/\.note$/ } glob 't/conf/good/*') {
	my ($status, $said) = reference_says('check', $path);
	my $note = $path =~ s/\.\w+$/.note/r;

	is($said, '', "$path is accepted");
	is($status, 0, "$path: the exit status says so, too");
	(undef, $said) = reference_says('notes', $path);
	is($said, -e $note ? slurp($note) : '', "$path: what is to be noted");
}

# The examples' secrets are not here, and nothing else may be wrong.
for my $path (sort(glob 'conf/examples/*.yaml'), 'conf/forebay.yaml') {
	my (undef, $said) = reference_says('check', $path);
	my @wrong = grep { !/: there is no such secret, looked for / }
	    split /\n/, $said;

	is("@wrong", '', "$path is accepted");
}

# What forebay prints is what it reads.
for my $path (sort(grep { !/\.note$/ } glob 't/conf/good/*'), glob 'conf/examples/*.yaml') {
	my (undef, $dump) = reference_says('dump', $path);
	my $file = File::Temp->new;

	print $file $dump;
	close $file;
	my (undef, $again) = reference_says('dump', $file->filename);
	is($again, $dump, "$path: the dump's dump is the dump");
	# Another program is told more than our tables have.
	next if $dump =~ /(?:value|runtime): (?:rust|python)$/m;
	my (undef, $diff) = reference_says('diff', $path, $file->filename);
	is($diff, "none\n", "$path: the dump is the same manifest");
}

done_testing();
