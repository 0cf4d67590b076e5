#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The programs as they are linked: what the compiler and the linker were asked
# for is in them, librdkafka's part included, and nothing that loads code.
use strict;
use warnings;

use Test::More;

my $build = $ENV{FOREBAY_BUILD} // 'build';
my @programs = ("$build/forebay", "$build/forebay-worker");

plan skip_all => 'sanitizers have options of their own' if $ENV{FOREBAY_SAN};
plan skip_all => 'the programs are not built' if grep { !-x } @programs;

sub output
{
	open(my $from, '-|', @_) or die "@_: $!\n";
	local $/;
	my $text = <$from>;

	close($from) or die "@_: failed\n";
	return $text;
}

# The whole text would not help who reads the failure.
sub has { return ok($_[0] =~ $_[1] ? 1 : 0, $_[2]) }
sub has_not { return ok($_[0] !~ $_[1] ? 1 : 0, $_[2]) }

for my $p (@programs) {
	my $elf = output('readelf', '-W', '-h', '-l', '-d', '-n', $p);
	my $symbols = output('nm', $p);

	has($elf, qr/Type:\s+DYN/, "$p: position independent");
	has($elf, qr/GNU_RELRO/, "$p: relocations are read-only");
	has($elf, qr/\bNOW\b/, "$p: all symbols are bound at start");
	has($elf, qr/GNU_STACK\s.* RW /, "$p: the stack is not executable");
	has($symbols, qr/ U __stack_chk_fail/, "$p: stack protector");
	has($symbols, qr/ U __\w+_chk/, "$p: checked functions of libc");
	has_not($symbols, qr/ [Tt] (?:rd_kafka_plugin|sockem)/,
	    "$p: librdkafka has neither plugins nor sockem");
	has_not($symbols, qr/ U dlopen/, "$p: loads no code");
}

# Branch targets are marked.  Debian's start files are not, so the linker leaves
# the note out of the programs: what they are linked from has it.
SKIP: {
	chomp(my $machine = output('uname', '-m'));
	skip 'not an x86-64', 1 if $machine ne 'x86_64';

	# Each object, and each member of the library, has a part of its own.
	my @parts = map { split /^(?=File:)/m, output('readelf', '-W', '-n',
	    $_) } glob("$build/{master,worker,shared}/{,*/}*.o"),
	    glob("$build/deps/lib/librdkafka.a");
	my @without = grep { /\S/ && !/x86 feature: IBT, SHSTK/ } @parts;

	is("@without", '', 'branch targets are marked in all objects');
}
done_testing();
